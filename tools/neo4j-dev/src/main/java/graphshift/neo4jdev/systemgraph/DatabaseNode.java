// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.systemgraph;

import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_ACCESS_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_DEFAULT_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_LABEL;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_NAME_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_STARTED_AT_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_STATUS_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_STOPPED_AT_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_UPDATED_AT_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DATABASE_UUID_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DELETED_DATABASE_DELETED_AT_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DELETED_DATABASE_LABEL;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.TARGETS_RELATIONSHIP;

import org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DatabaseAccess;
import org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.DatabaseStatus;
import org.neo4j.graphdb.Direction;
import org.neo4j.graphdb.Node;
import org.neo4j.kernel.database.DatabaseIdFactory;
import org.neo4j.kernel.database.NamedDatabaseId;

import java.time.ZonedDateTime;
import java.util.List;
import java.util.UUID;

/** What the system graph says of one database. */
public record DatabaseNode(Node node) {
    /**
     * Ours: the store was built from outside before the database was created, and is taken as it
     * is.
     */
    private static final String EXISTING_DATA_PROPERTY = "existing_data";

    public NamedDatabaseId id() {
        return DatabaseIdFactory.from(
                (String) node.getProperty(DATABASE_NAME_PROPERTY),
                UUID.fromString((String) node.getProperty(DATABASE_UUID_PROPERTY)));
    }

    public boolean isSystem() {
        return id().isSystemDatabase();
    }

    public boolean isWantedOnline() {
        return DatabaseStatus.ONLINE
                .statusName()
                .equals(node.getProperty(DATABASE_STATUS_PROPERTY));
    }

    public boolean usesExistingData() {
        return node.hasProperty(EXISTING_DATA_PROPERTY);
    }

    public void useExistingData() {
        node.setProperty(EXISTING_DATA_PROPERTY, true);
    }

    public List<NameNode> names() {
        return Relationships.of(node, Direction.INCOMING, TARGETS_RELATIONSHIP).stream()
                .map(targets -> new NameNode(targets.getStartNode()))
                .toList();
    }

    /** In alphabetical order. */
    public List<String> aliases() {
        return names().stream().filter(NameNode::isAlias).map(NameNode::name).sorted().toList();
    }

    public void setOnline(boolean online) {
        var status = online ? DatabaseStatus.ONLINE : DatabaseStatus.OFFLINE;
        node.setProperty(DATABASE_STATUS_PROPERTY, status.statusName());
        node.setProperty(
                online ? DATABASE_STARTED_AT_PROPERTY : DATABASE_STOPPED_AT_PROPERTY,
                ZonedDateTime.now());
    }

    /** The kernel reads the name of the constant, not the text that it shows. */
    public void setReadOnly(boolean readOnly) {
        node.setProperty(
                DATABASE_ACCESS_PROPERTY, DatabaseAccess.toDatabaseAccess(readOnly).name());
        node.setProperty(DATABASE_UPDATED_AT_PROPERTY, ZonedDateTime.now());
    }

    /** Deletes its names and keeps the node under another label, as the kernel's model has it. */
    public void drop() {
        for (var name : names()) name.delete();
        node.removeLabel(DATABASE_LABEL);
        node.addLabel(DELETED_DATABASE_LABEL);
        node.setProperty(DATABASE_DEFAULT_PROPERTY, false);
        node.setProperty(DELETED_DATABASE_DELETED_AT_PROPERTY, ZonedDateTime.now());
    }
}
