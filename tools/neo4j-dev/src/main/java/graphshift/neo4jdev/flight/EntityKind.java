// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.neo4j.batchimport.api.input.IdType;

import java.util.List;

/** What a put brings, and the columns that have a meaning of their own there. */
enum EntityKind {
    NODE("node", List.of("nodeId"), "labels"),
    RELATIONSHIP("relationship", List.of("sourceNodeId", "targetNodeId"), "relationshipType");

    private final String entityType;
    private final List<String> ids;
    private final String naming;

    EntityKind(String entityType, List<String> ids, String naming) {
        this.entityType = entityType;
        this.ids = ids;
        this.naming = naming;
    }

    static EntityKind of(String entityType) {
        for (var kind : values()) {
            if (kind.entityType.equals(entityType)) return kind;
        }
        throw FlightFailures.invalid(
                "entity_type `%s`; it may be node or relationship".formatted(entityType));
    }

    boolean isProperty(String column) {
        return !ids.contains(column) && !naming.equals(column);
    }

    /** Refuses a put by its schema, before anything of it is kept. */
    void check(Schema schema, IdType idType) {
        for (var id : ids) {
            var field = schema.getFields().stream().filter(f -> f.getName().equals(id)).findAny();
            if (field.isEmpty()) throw FlightFailures.invalid("column `" + id + "` is missing");
            if (!isId(field.get(), idType)) {
                throw FlightFailures.invalid(
                        "column `%s` is %s; ids of type %s are %s"
                                .formatted(
                                        id,
                                        field.get().getType(),
                                        idType,
                                        idType == IdType.STRING
                                                ? "plain strings"
                                                : "signed 64-bit integers"));
            }
        }
        for (var field : schema.getFields()) {
            if (!ColumnValues.isSupported(field, isProperty(field.getName()))) {
                throw FlightFailures.invalid(
                        "column `%s` is of the unsupported type %s"
                                .formatted(field.getName(), field.getType()));
            }
        }
    }

    private static boolean isId(Field field, IdType idType) {
        if (field.getDictionary() != null) return false;
        if (idType == IdType.STRING) return field.getType() instanceof ArrowType.Utf8;
        return field.getType() instanceof ArrowType.Int type
                && type.getIsSigned()
                && type.getBitWidth() == 64;
    }
}
