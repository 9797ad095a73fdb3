// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import static graphshift.neo4jdev.command.StatementValues.name;

import graphshift.neo4jdev.DevSettings;
import graphshift.neo4jdev.systemgraph.DatabaseNode;
import graphshift.neo4jdev.systemgraph.NameNode;
import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.helpers.DatabaseNameValidator;
import org.neo4j.cypher.internal.ast.CascadeAliases$;
import org.neo4j.cypher.internal.ast.DatabaseName;
import org.neo4j.cypher.internal.ast.DumpData$;
import org.neo4j.cypher.internal.ast.ReadOnlyAccess$;
import org.neo4j.cypher.internal.logical.plans.AlterDatabase;
import org.neo4j.cypher.internal.logical.plans.AssertCanDropDatabase;
import org.neo4j.cypher.internal.logical.plans.AssertManagementActionNotBlocked;
import org.neo4j.cypher.internal.logical.plans.CreateDatabase;
import org.neo4j.cypher.internal.logical.plans.DropDatabase;
import org.neo4j.cypher.internal.logical.plans.EnsureDatabaseSafeToDelete;
import org.neo4j.cypher.internal.logical.plans.EnsureNameIsNotAmbiguous;
import org.neo4j.cypher.internal.logical.plans.EnsureValidNonSystemDatabase;
import org.neo4j.cypher.internal.logical.plans.EnsureValidNumberOfDatabases;
import org.neo4j.cypher.internal.logical.plans.NameValidator;
import org.neo4j.cypher.internal.logical.plans.StartDatabase;
import org.neo4j.cypher.internal.logical.plans.StopDatabase;
import org.neo4j.dbms.api.DatabaseNotFoundHelper;
import org.neo4j.kernel.database.NormalizedDatabaseName;
import org.neo4j.values.AnyValue;
import org.neo4j.values.storable.TextValue;
import org.neo4j.values.virtual.MapValue;

import java.util.Locale;

/**
 * Creates, drops, alters, starts and stops databases in the system graph; they themselves follow
 * after the commit.
 *
 * <p>The plans are those of {@code AdministrationCommandPlanBuilder} (5.26), which also decides
 * their order: checks first, the change, and the limit last, when the new database is already
 * counted.
 */
final class DatabaseCommands {
    private final Config config;

    DatabaseCommands(Config config) {
        this.config = config;
    }

    void addTo(PlanTable table) {
        table.allow(AssertManagementActionNotBlocked.class);
        table.pass(AssertCanDropDatabase.class, AssertCanDropDatabase::source);
        table.pass(EnsureNameIsNotAmbiguous.class, EnsureNameIsNotAmbiguous::source);
        table.check(
                EnsureValidNonSystemDatabase.class,
                EnsureValidNonSystemDatabase::source,
                DatabaseCommands::ensureUserDatabase);
        table.check(
                EnsureDatabaseSafeToDelete.class,
                EnsureDatabaseSafeToDelete::source,
                DatabaseCommands::ensureNoAlias);
        table.check(
                EnsureValidNumberOfDatabases.class,
                EnsureValidNumberOfDatabases::source,
                this::ensureRoom);
        table.change(CreateDatabase.class, CreateDatabase::source, this::create);
        table.change(DropDatabase.class, DropDatabase::source, DatabaseCommands::drop);
        table.change(AlterDatabase.class, AlterDatabase::source, DatabaseCommands::alter);
        table.change(
                StartDatabase.class,
                StartDatabase::source,
                (plan, graph, parameters) ->
                        existing("start", plan.databaseName(), graph, parameters).setOnline(true));
        table.change(
                StopDatabase.class,
                StopDatabase::source,
                (plan, graph, parameters) ->
                        existing("stop", plan.databaseName(), graph, parameters).setOnline(false));
    }

    private void create(CreateDatabase plan, SystemGraph graph, MapValue parameters) {
        if (plan.isComposite())
            throw CommandErrors.invalid("Composite databases do not exist on this server.");
        var name = name(plan.databaseName(), parameters);
        checkName(name);
        if (graph.findName(name).isPresent()) throw CommandErrors.exists("database", name);
        boolean existingData = wantsExistingData(plan, parameters);
        boolean isDefault = config.get(GraphDatabaseSettings.initial_default_database).equals(name);
        var database = graph.createDatabase(name, isDefault);
        if (existingData) database.useExistingData();
    }

    private static void checkName(String name) {
        try {
            DatabaseNameValidator.validateExternalDatabaseName(new NormalizedDatabaseName(name));
        } catch (IllegalArgumentException problem) {
            throw CommandErrors.invalid(problem.getMessage(), problem);
        }
        // The manual has this rule and the Community kernel has not; the words are ours.
        if (name.endsWith(".") || name.endsWith("-")) {
            throw CommandErrors.invalid("Database name '" + name + "' ends with a dot or a dash.");
        }
    }

    /** Checks the options as far as a single server can honour them. */
    private static boolean wantsExistingData(CreateDatabase plan, MapValue parameters) {
        boolean wanted = false;
        for (var option : StatementValues.options(plan.options(), parameters).entrySet()) {
            switch (option.getKey().toLowerCase(Locale.ROOT)) {
                case "existingdata" -> wanted = checkUse(option.getValue());
                case "storeformat", "txlogenrichment" -> {} // there is one of each
                default ->
                        throw CommandErrors.invalid(
                                "Could not create database with specified option '%s'. Expected one of 'existingData', 'storeFormat', 'txLogEnrichment'."
                                        .formatted(option.getKey()));
            }
        }
        return wanted;
    }

    private static boolean checkUse(AnyValue existingData) {
        if (existingData instanceof TextValue text && text.stringValue().equalsIgnoreCase("use"))
            return true;
        throw CommandErrors.invalid(
                "Could not create database with specified existingData '%s'. Expected 'use'."
                        .formatted(existingData));
    }

    /** After the plan that creates: the database counts already, and so does {@code system}. */
    private void ensureRoom(
            EnsureValidNumberOfDatabases plan, SystemGraph graph, MapValue parameters) {
        if (graph.databases().size() > config.get(DevSettings.max_databases)) {
            throw CommandErrors.limitReached(name(plan.source().databaseName(), parameters));
        }
    }

    private static void drop(DropDatabase plan, SystemGraph graph, MapValue parameters) {
        if (plan.additionalAction() == DumpData$.MODULE$) {
            throw CommandErrors.invalid("DUMP DATA does not exist on this server.");
        }
        // CREATE OR REPLACE drops what may not be there.
        graph.findDatabase(name(plan.databaseName(), parameters)).ifPresent(DatabaseNode::drop);
    }

    private static void alter(AlterDatabase plan, SystemGraph graph, MapValue parameters) {
        if (plan.access().isEmpty()) {
            throw CommandErrors.invalid("Of ALTER DATABASE only SET ACCESS exists on this server.");
        }
        existing("alter", plan.databaseName(), graph, parameters)
                .setReadOnly(plan.access().get() == ReadOnlyAccess$.MODULE$);
    }

    private static DatabaseNode existing(
            String action, DatabaseName databaseName, SystemGraph graph, MapValue parameters) {
        var name = name(databaseName, parameters);
        return graph.findDatabase(name)
                .orElseThrow(() -> DatabaseNotFoundHelper.failedAction(action, name));
    }

    /**
     * Of a command on a database, or on an alias, whose target must be a database and not an alias
     * itself.
     */
    private static void ensureUserDatabase(
            EnsureValidNonSystemDatabase plan, SystemGraph graph, MapValue parameters) {
        var name = name(plan.databaseName(), parameters);
        if (plan.aliasName().isDefined()) {
            ensureTarget(plan.action(), name(plan.aliasName().get(), parameters), name, graph);
        } else if (existing(plan.action(), plan.databaseName(), graph, parameters).isSystem()) {
            throw CommandErrors.invalid(
                    "Not allowed to %s system database.".formatted(plan.action()));
        }
    }

    private static void ensureTarget(
            String action, String alias, String target, SystemGraph graph) {
        NameValidator.assertValidAliasName(alias);
        var database =
                graph.findName(target)
                        .filter(found -> !found.isAlias())
                        .flatMap(NameNode::target)
                        .orElseThrow(
                                () ->
                                        DatabaseNotFoundHelper.failedActionAlias(
                                                action, alias, target));
        if (database.isSystem()) {
            throw CommandErrors.invalid(
                    "Failed to %s the specified database alias '%s': The system database is not allowed as a target."
                            .formatted(action, alias));
        }
    }

    private static void ensureNoAlias(
            EnsureDatabaseSafeToDelete plan, SystemGraph graph, MapValue parameters) {
        if (plan.aliasAction() == CascadeAliases$.MODULE$) return;
        var name = name(plan.databaseName(), parameters);
        graph.findDatabase(name)
                .map(DatabaseNode::aliases)
                .filter(aliases -> !aliases.isEmpty())
                .ifPresent(
                        aliases -> {
                            throw CommandErrors.hasAliases(name, aliases);
                        });
    }
}
