// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.FlightRuntimeException;

/** What goes wrong, in the states and words that clients of the protocol know. */
final class FlightFailures {
    private FlightFailures() {}

    static FlightRuntimeException invalid(String message) {
        return of(CallStatus.INVALID_ARGUMENT, "INVALID_ARGUMENT: " + message);
    }

    static FlightRuntimeException notFound(String name) {
        return of(
                CallStatus.NOT_FOUND,
                "NOT_FOUND: arrow process with name `%s` not found".formatted(name));
    }

    static FlightRuntimeException exists(String what, String name) {
        return of(
                CallStatus.ALREADY_EXISTS,
                "ALREADY_EXISTS: %s `%s` already exists".formatted(what, name));
    }

    static FlightRuntimeException unknownAction(String type) {
        return of(CallStatus.UNIMPLEMENTED, "Unknown action type " + type);
    }

    static FlightRuntimeException cancelled() {
        return of(CallStatus.CANCELLED, "the client gave the put up");
    }

    static FlightRuntimeException unauthenticated() {
        return of(
                CallStatus.UNAUTHENTICATED,
                "The client is unauthorized due to authentication failure.");
    }

    /**
     * Any failure as a state. What is not foreseen is UNKNOWN and never INTERNAL: clients take that
     * for a passing fault of the network and send the action again.
     */
    static FlightRuntimeException from(Throwable failure) {
        if (failure instanceof FlightRuntimeException known) return known;
        var root = failure;
        while (root.getCause() != null) root = root.getCause();
        return CallStatus.UNKNOWN
                .withDescription(root.getClass().getSimpleName() + ": " + root.getMessage())
                .withCause(failure)
                .toRuntimeException();
    }

    private static FlightRuntimeException of(CallStatus status, String description) {
        return status.withDescription(description).toRuntimeException();
    }
}
