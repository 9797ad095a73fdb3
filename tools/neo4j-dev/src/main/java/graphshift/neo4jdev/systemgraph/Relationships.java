// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.systemgraph;

import org.neo4j.graphdb.Direction;
import org.neo4j.graphdb.Node;
import org.neo4j.graphdb.Relationship;
import org.neo4j.graphdb.RelationshipType;

import java.util.ArrayList;
import java.util.List;

/** Reads relationships to the end, so that they may be deleted while they are gone through. */
final class Relationships {
    private Relationships() {}

    static List<Relationship> of(Node node, Direction direction, RelationshipType type) {
        var list = new ArrayList<Relationship>();
        try (var relationships = node.getRelationships(direction, type)) {
            relationships.forEach(list::add);
        }
        return list;
    }
}
