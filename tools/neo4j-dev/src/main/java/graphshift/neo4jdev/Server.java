// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import graphshift.neo4jdev.edition.DevEditionModule;
import graphshift.neo4jdev.flight.FlightEndpoint;

import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseInternalSettings;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.HttpConnector;
import org.neo4j.configuration.connectors.HttpsConnector;
import org.neo4j.configuration.helpers.PortBindException;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.exceptions.KernelException;
import org.neo4j.graphdb.facade.DatabaseManagementServiceFactory;
import org.neo4j.graphdb.facade.GraphDatabaseDependencies;
import org.neo4j.io.ByteUnit;
import org.neo4j.kernel.impl.factory.DbmsInfo;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/**
 * The kernel with our edition, serving Bolt on 127.0.0.1.
 *
 * <p>Relies on {@code DatabaseManagementServiceFactory} (5.26) taking the constructor of an edition
 * module: that is the one door through which everything in {@code edition} and {@code command}
 * enters.
 */
final class Server {
    private static final String HOST = "127.0.0.1";

    private final DatabaseManagementService management;
    private final int port;
    private final CountDownLatch stopped = new CountDownLatch(1);

    /** Set where it serves Arrow Flight. */
    private FlightEndpoint flight;

    private Server(DatabaseManagementService management, int port) {
        this.management = management;
        this.port = port;
    }

    static Server start(Options options, Path home) throws Refusal {
        int port = usablePort(options.boltPort(), "--bolt");
        try {
            var management =
                    new DatabaseManagementServiceFactory(DbmsInfo.COMMUNITY, DevEditionModule::new)
                            .build(
                                    configuration(options, home, port),
                                    true,
                                    GraphDatabaseDependencies.newDependencies());
            return new Server(management, port);
        } catch (RuntimeException failure) {
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                if (cause instanceof PortBindException) throw portTaken(port, "--bolt");
            }
            throw Refusal.failed("the kernel did not start: " + innermost(failure), failure);
        }
    }

    String url() {
        return "bolt://" + HOST + ":" + port;
    }

    GraphDatabaseAPI system() {
        return (GraphDatabaseAPI) management.database(SYSTEM_DATABASE_NAME);
    }

    /**
     * @return its address
     */
    String serveFlight(Options options, Path home) throws Refusal {
        int wanted = usablePort(options.flightPort().orElseThrow(), "--flight");
        try {
            flight = FlightEndpoint.start(management, HOST, wanted, home, options.flightIdle());
        } catch (IOException | KernelException | RuntimeException failure) {
            throw Refusal.failed("Arrow Flight did not start: " + innermost(failure), failure);
        }
        return "grpc://" + HOST + ":" + flight.port();
    }

    void stop() {
        try {
            if (flight != null) flight.close();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        management.shutdown();
        stopped.countDown();
    }

    void awaitStop() {
        try {
            stopped.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static Config configuration(Options options, Path home, int port) {
        var address = new SocketAddress(HOST, port);
        return Config.newBuilder()
                .set(GraphDatabaseSettings.neo4j_home, home)
                .set(DevSettings.max_databases, options.maxDatabases())
                .set(GraphDatabaseSettings.auth_enabled, true)
                .set(
                        GraphDatabaseSettings.pagecache_memory,
                        ByteUnit.mebiBytes(options.pageCacheMb()))
                // A database would take 256 MB of log files at once.
                .set(GraphDatabaseSettings.preallocate_logical_logs, false)
                .set(GraphDatabaseSettings.udc_enabled, false)
                // Stopping takes 12 s with the default.
                .set(GraphDatabaseInternalSettings.netty_server_shutdown_quiet_period, 0)
                .set(GraphDatabaseSettings.shutdown_transaction_end_timeout, Duration.ofSeconds(1))
                .set(BoltConnector.enabled, true)
                .set(BoltConnector.listen_address, address)
                .set(BoltConnector.advertised_address, address)
                .set(HttpConnector.enabled, false)
                .set(HttpsConnector.enabled, false)
                .build();
    }

    /** Looks before the kernel does, which would take seconds to tell. */
    private static int usablePort(int wanted, String option) throws Refusal {
        try (var probe = new ServerSocket(wanted, 1, InetAddress.getByName(HOST))) {
            return probe.getLocalPort();
        } catch (IOException problem) {
            if (String.valueOf(problem.getMessage()).contains("in use")) throw portTaken(wanted, option);
            throw Refusal.wrongUse(
                    "port %d of %s cannot be used: %s"
                            .formatted(wanted, HOST, problem.getMessage()));
        }
    }

    private static Refusal portTaken(int port, String option) {
        return Refusal.wrongUse(
                "port %d of %s is taken; name another with %s".formatted(port, HOST, option));
    }

    private static String innermost(Throwable failure) {
        var cause = failure;
        while (cause.getCause() != null) cause = cause.getCause();
        return cause.getMessage() == null
                ? cause.toString()
                : cause.getMessage().lines().findFirst().orElse("");
    }
}
