// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import com.fasterxml.jackson.databind.JsonNode;

import org.neo4j.batchimport.api.input.IdType;

import java.util.Locale;
import java.util.Set;

/** The body of {@code CREATE_DATABASE}: what is to be built and how. */
record ImportSettings(
        String name,
        boolean force,
        boolean highIo,
        boolean tolerant,
        int concurrency,
        IdType idType,
        String idProperty,
        String storeFormat) {

    /** This kernel has these two, which are the same; Enterprise has others too. */
    private static final Set<String> FORMATS = Set.of("aligned", "standard");

    static ImportSettings parse(JsonNode body) {
        return new ImportSettings(
                databaseName(body),
                body.path("force").asBoolean(),
                body.path("high_io").asBoolean(),
                body.path("use_bad_collector").asBoolean(),
                Math.max(1, body.path("concurrency").asInt(4)),
                idType(body),
                body.path("id_property").asText("originalId"),
                format(body));
    }

    static String databaseName(JsonNode body) {
        var name = body.path("name").asText("").toLowerCase(Locale.ROOT);
        if (name.isEmpty()) throw FlightFailures.invalid("no database name");
        return name;
    }

    private static IdType idType(JsonNode body) {
        var wanted = body.path("id_type").asText("INTEGER").toUpperCase(Locale.ROOT);
        return switch (wanted) {
            case "INTEGER" -> IdType.INTEGER;
            case "STRING" -> IdType.STRING;
            default ->
                    throw FlightFailures.invalid(
                            "id_type `%s`; it may be INTEGER or STRING".formatted(wanted));
        };
    }

    /** Older clients call it record_format. */
    private static String format(JsonNode body) {
        var wanted = body.path("db_format").asText(body.path("record_format").asText("aligned"));
        var format = wanted.toLowerCase(Locale.ROOT);
        if (!FORMATS.contains(format)) {
            throw FlightFailures.invalid(
                    "store format `%s` is not available; it may be aligned or standard"
                            .formatted(format));
        }
        return format;
    }
}
