// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import static graphshift.neo4jdev.command.StatementValues.name;

import graphshift.neo4jdev.systemgraph.NameNode;
import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.cypher.internal.logical.plans.AlterLocalDatabaseAlias;
import org.neo4j.cypher.internal.logical.plans.AssertNotBlockedDropAlias;
import org.neo4j.cypher.internal.logical.plans.CreateLocalDatabaseAlias;
import org.neo4j.cypher.internal.logical.plans.DropDatabaseAlias;
import org.neo4j.cypher.internal.logical.plans.EnsureDatabaseNodeExists;
import org.neo4j.values.virtual.MapValue;

import java.util.Map;

/**
 * Creates, alters and drops aliases of databases of this server. Their targets were checked by the
 * step before ({@code EnsureValidNonSystemDatabase}).
 */
final class AliasCommands {
    void addTo(PlanTable table) {
        table.allow(AssertNotBlockedDropAlias.class);
        table.check(
                EnsureDatabaseNodeExists.class,
                EnsureDatabaseNodeExists::source,
                AliasCommands::ensureAlias);
        table.change(
                CreateLocalDatabaseAlias.class,
                CreateLocalDatabaseAlias::source,
                AliasCommands::create);
        table.change(
                AlterLocalDatabaseAlias.class,
                AlterLocalDatabaseAlias::source,
                AliasCommands::alter);
        table.change(DropDatabaseAlias.class, DropDatabaseAlias::source, AliasCommands::drop);
    }

    private static void ensureAlias(
            EnsureDatabaseNodeExists plan, SystemGraph graph, MapValue parameters) {
        var name = name(plan.name(), parameters);
        if (graph.findName(name).filter(NameNode::isAlias).isEmpty()) {
            throw CommandErrors.noAlias(plan.action(), name);
        }
    }

    private static void create(
            CreateLocalDatabaseAlias plan, SystemGraph graph, MapValue parameters) {
        var name = name(plan.aliasName(), parameters);
        if (graph.findName(name).isPresent()) {
            throw plan.replace()
                    ? CommandErrors.isDatabase(name)
                    : CommandErrors.exists("database alias", name);
        }
        var target = graph.findDatabase(name(plan.targetName(), parameters)).orElseThrow();
        Map<String, Object> properties =
                plan.properties().isDefined()
                        ? StatementValues.properties(plan.properties().get(), parameters)
                        : Map.of();
        graph.createAlias(name, target, properties);
    }

    /**
     * What the statement does not name stays as it is; properties that it names replace all earlier
     * ones.
     */
    private static void alter(
            AlterLocalDatabaseAlias plan, SystemGraph graph, MapValue parameters) {
        var alias = graph.findName(name(plan.aliasName(), parameters)).orElseThrow();
        if (plan.targetName().isDefined()) {
            alias.pointAt(
                    graph.findDatabase(name(plan.targetName().get(), parameters)).orElseThrow());
        }
        if (plan.properties().isDefined()) {
            graph.setProperties(
                    alias, StatementValues.properties(plan.properties().get(), parameters));
        }
    }

    /**
     * Also the first half of {@code CREATE OR REPLACE ALIAS}, whose name may be free, or a
     * database's.
     */
    private static void drop(DropDatabaseAlias plan, SystemGraph graph, MapValue parameters) {
        graph.findName(name(plan.aliasName(), parameters))
                .filter(NameNode::isAlias)
                .ifPresent(NameNode::delete);
    }
}
