// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

/**
 * Runs the development Neo4j in the foreground until a signal ends it.
 *
 * <p>Standard output has one line, {@code READY bolt://127.0.0.1:PORT}, once it serves, and before
 * it {@code FLIGHT grpc://127.0.0.1:PORT} where it serves Arrow Flight. Everything for people goes to standard error; what keeps it from serving is one line there that starts with
 * {@code neo4j-dev:}. Exit codes: 2 wrong use or a machine that does not allow it, 1 any other
 * failure, 143 ended by SIGTERM.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        try {
            serve(Options.parse(arguments, System.getenv()));
        } catch (Refusal refusal) {
            System.err.println("neo4j-dev: " + refusal.getMessage());
            System.exit(refusal.exitCode());
        }
    }

    private static void serve(Options options) throws Refusal {
        System.err.printf(
                "Development Neo4j %s: a Community kernel with several databases and aliases, for"
                        + " development and tests only. Keep nothing in it that you need.%n",
                org.neo4j.kernel.internal.Version.getNeo4jVersion());
        var directory = DataDirectory.claim(options.data());
        var server = Server.start(options, directory.path());
        Runtime.getRuntime().addShutdownHook(new Thread(server::stop, "stop"));
        System.err.println(new Account(server.system()).apply(options.password()));
        if (options.flightPort().isPresent())
            System.out.println("FLIGHT " + server.serveFlight(options, directory.path()));
        System.out.println("READY " + server.url());
        server.awaitStop();
    }
}
