// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.ActionType;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.NoOpFlightProducer;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.Result;
import org.apache.arrow.memory.BufferAllocator;
import org.neo4j.logging.Log;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * What GDS answers to a client that imports a whole database: four actions and the puts between
 * them, JSON throughout. One PutResult follows each batch.
 */
final class ImportProtocol extends NoOpFlightProducer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> ACTIONS =
            List.of("CREATE_DATABASE", "NODE_LOAD_DONE", "RELATIONSHIP_LOAD_DONE", "ABORT");

    private static final int LOOKS = 10;
    private static final long BETWEEN_LOOKS_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final Imports imports;
    private final BufferAllocator allocator;
    private final Log log;

    ImportProtocol(Imports imports, BufferAllocator allocator, Log log) {
        this.imports = imports;
        this.allocator = allocator;
        this.log = log;
    }

    @Override
    public void listActions(CallContext context, StreamListener<ActionType> listener) {
        for (var action : ACTIONS) listener.onNext(new ActionType("v1/" + action, ""));
        listener.onCompleted();
    }

    @Override
    public void doAction(CallContext context, Action action, StreamListener<Result> listener) {
        try {
            var answer = answer(action.getType(), read(action.getBody()));
            listener.onNext(new Result(JSON.writeValueAsBytes(answer)));
            listener.onCompleted();
        } catch (IOException | RuntimeException failure) {
            listener.onError(told(action.getType(), failure));
        }
    }

    /** Older clients leave the version out. */
    private Map<String, ?> answer(String type, JsonNode body) throws IOException {
        var name = ImportSettings.databaseName(body);
        switch (type.replaceFirst("^v1/", "")) {
            case "CREATE_DATABASE":
                imports.create(ImportSettings.parse(body));
                return Map.of("name", name);
            case "NODE_LOAD_DONE":
                return Map.of("name", name, "node_count", imports.nodesDone(name));
            case "RELATIONSHIP_LOAD_DONE":
                return Map.of("name", name, "relationship_count", imports.relationshipsDone(name));
            case "ABORT":
                imports.abort(name);
                return Map.of("name", name);
            default:
                throw FlightFailures.unknownAction(type);
        }
    }

    @Override
    public Runnable acceptPut(
            CallContext context, FlightStream stream, StreamListener<PutResult> acknowledgements) {
        return () -> {
            try {
                var command = read(stream.getDescriptor().getCommand());
                var body = command.has("body") ? command.get("body") : command;
                var kind = EntityKind.of(body.path("entity_type").asText());
                imports.find(ImportSettings.databaseName(body))
                        .take(
                                kind,
                                stream,
                                allocator,
                                () -> wasCancelled(context),
                                () -> acknowledge(acknowledgements));
                acknowledgements.onCompleted();
            } catch (IOException | RuntimeException failure) {
                acknowledgements.onError(told("PUT_COMMAND", failure));
            }
        };
    }

    /**
     * gRPC marks a call as cancelled only after it has ended the stream, on another thread: a look at
     * once took one cancelled put in three for whole.
     */
    private static boolean wasCancelled(CallContext context) {
        for (int look = 0; look < LOOKS && !context.isCancelled(); look++)
            LockSupport.parkNanos(BETWEEN_LOOKS_NANOS);
        return context.isCancelled();
    }

    private void acknowledge(StreamListener<PutResult> acknowledgements) {
        try (var empty = allocator.buffer(0)) {
            acknowledgements.onNext(PutResult.metadata(empty));
        }
    }

    private static JsonNode read(byte[] json) {
        try {
            return JSON.readTree(json == null ? new byte[0] : json);
        } catch (IOException problem) {
            throw FlightFailures.invalid("no JSON: " + problem.getMessage());
        }
    }

    private RuntimeException told(String what, Throwable failure) {
        var answer = FlightFailures.from(failure);
        log.warn("%s failed: %s", what, answer.getMessage());
        if (answer.getCause() != null) log.debug("Its cause", failure);
        return answer;
    }
}
