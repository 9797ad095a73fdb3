// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.systemgraph;

import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_LABEL;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_NAME_LABEL;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_NAME_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DEFAULT_NAMESPACE;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DISPLAY_NAME_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.NAMESPACE_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.NAME_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.PRIMARY_PROPERTY;

import org.neo4j.dbms.database.DefaultSystemGraphComponent;
import org.neo4j.graphdb.Transaction;

import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * The system database as one transaction sees it: databases, and the names that target them.
 *
 * <p>Relies on the model that the kernel itself reads ({@code TopologyGraphDbmsModel}, 5.26): a
 * {@code Database} node for each database; {@code DatabaseName} nodes, one of them primary, that
 * point at it by {@code TARGETS}.
 */
public final class SystemGraph {
    private static final String SYSTEM = "system";

    private final Transaction transaction;

    public SystemGraph(Transaction transaction) {
        this.transaction = transaction;
    }

    /**
     * Waits for every other administration command under way to commit or roll back, and keeps new
     * ones waiting until this transaction ends. The kernel gives locks up only after its commit
     * listeners have run, so that they too see the graph of one commit and never half of the next.
     */
    public void lock() {
        transaction.acquireWriteLock(
                transaction.findNode(DATABASE_LABEL, DATABASE_NAME_PROPERTY, SYSTEM));
    }

    /** All databases, {@code system} included. */
    public List<DatabaseNode> databases() {
        var databases = new ArrayList<DatabaseNode>();
        try (var nodes = transaction.findNodes(DATABASE_LABEL)) {
            while (nodes.hasNext()) databases.add(new DatabaseNode(nodes.next()));
        }
        return databases;
    }

    /** The database of that name, or the target of the alias of that name. */
    public Optional<DatabaseNode> findDatabase(String nameOrAlias) {
        return findName(nameOrAlias).flatMap(NameNode::target);
    }

    public Optional<NameNode> findName(String name) {
        try (var nodes = transaction.findNodes(DATABASE_NAME_LABEL, NAME_PROPERTY, name)) {
            return nodes.stream()
                    .filter(
                            node ->
                                    DEFAULT_NAMESPACE.equals(
                                            node.getProperty(
                                                    NAMESPACE_PROPERTY, DEFAULT_NAMESPACE)))
                    .findFirst()
                    .map(NameNode::new);
        }
    }

    /**
     * @param isDefault whether sessions that name no database get this one
     */
    public DatabaseNode createDatabase(String name, boolean isDefault) {
        return new DatabaseNode(
                DefaultSystemGraphComponent.createDatabaseNode(
                        transaction, name, isDefault, UUID.randomUUID(), ZonedDateTime.now()));
    }

    public void createAlias(String name, DatabaseNode target, Map<String, Object> properties) {
        var node = transaction.createNode(DATABASE_NAME_LABEL);
        node.setProperty(NAME_PROPERTY, name);
        node.setProperty(NAMESPACE_PROPERTY, DEFAULT_NAMESPACE);
        node.setProperty(DISPLAY_NAME_PROPERTY, name);
        node.setProperty(PRIMARY_PROPERTY, false);
        var alias = new NameNode(node);
        alias.pointAt(target);
        setProperties(alias, properties);
    }

    /**
     * Replaces all properties of an alias. One without any has an empty map, as the real server
     * shows it.
     */
    public void setProperties(NameNode alias, Map<String, Object> properties) {
        alias.replaceProperties(transaction::createNode, properties);
    }
}
