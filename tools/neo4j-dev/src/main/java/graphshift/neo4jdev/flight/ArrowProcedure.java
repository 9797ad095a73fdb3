// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.neo4j.exceptions.KernelException;
import org.neo4j.kernel.api.procedure.GlobalProcedures;
import org.neo4j.procedure.Context;
import org.neo4j.procedure.Mode;
import org.neo4j.procedure.Procedure;

import java.util.List;
import java.util.stream.Stream;

/** {@code CALL gds.debug.arrow()}: where the endpoint is, as a server with GDS Enterprise says it. */
public final class ArrowProcedure {
    /** What the procedure is given by the kernel. */
    public record Address(String listenAddress) {}

    /** A row of its answer; the kernel reads public fields. */
    public static final class Answer {
        public final boolean running;
        public final boolean enabled;
        public final String listenAddress;
        public final List<String> versions;

        Answer(String listenAddress) {
            this.running = true;
            this.enabled = true;
            this.listenAddress = listenAddress;
            this.versions = List.of("v1");
        }
    }

    @Context public Address address;

    @Procedure(name = "gds.debug.arrow", mode = Mode.READ)
    public Stream<Answer> arrow() {
        return Stream.of(new Answer(address.listenAddress()));
    }

    static void register(GlobalProcedures procedures, String listenAddress)
            throws KernelException {
        var address = new Address(listenAddress);
        procedures.registerComponent(Address.class, context -> address, true);
        procedures.registerProcedure(ArrowProcedure.class);
    }
}
