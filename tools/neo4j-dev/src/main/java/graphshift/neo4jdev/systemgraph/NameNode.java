// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.systemgraph;

import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.ALIAS_PROPERTIES_LABEL;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.NAME_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.PRIMARY_PROPERTY;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.PROPERTIES_RELATIONSHIP;
import static org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.TARGETS_RELATIONSHIP;

import org.neo4j.graphdb.Direction;
import org.neo4j.graphdb.Label;
import org.neo4j.graphdb.Node;

import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** A name that targets a database: its own, which is primary, or an alias. */
public record NameNode(Node node) {
    public String name() {
        return (String) node.getProperty(NAME_PROPERTY);
    }

    public boolean isAlias() {
        return !Boolean.TRUE.equals(node.getProperty(PRIMARY_PROPERTY, false));
    }

    public Optional<DatabaseNode> target() {
        return Relationships.of(node, Direction.OUTGOING, TARGETS_RELATIONSHIP).stream()
                .findFirst()
                .map(targets -> new DatabaseNode(targets.getEndNode()));
    }

    public void pointAt(DatabaseNode target) {
        for (var targets : Relationships.of(node, Direction.OUTGOING, TARGETS_RELATIONSHIP))
            targets.delete();
        node.createRelationshipTo(target.node(), TARGETS_RELATIONSHIP);
    }

    public void delete() {
        for (var targets : Relationships.of(node, Direction.OUTGOING, TARGETS_RELATIONSHIP))
            targets.delete();
        deleteProperties();
        node.delete();
    }

    void replaceProperties(Function<Label, Node> createNode, Map<String, Object> properties) {
        deleteProperties();
        var holder = createNode.apply(ALIAS_PROPERTIES_LABEL);
        properties.forEach(holder::setProperty);
        node.createRelationshipTo(holder, PROPERTIES_RELATIONSHIP);
    }

    private void deleteProperties() {
        for (var properties : Relationships.of(node, Direction.OUTGOING, PROPERTIES_RELATIONSHIP)) {
            var holder = properties.getEndNode();
            properties.delete();
            holder.delete();
        }
    }
}
