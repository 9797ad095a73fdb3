// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.auth2.BasicCallHeaderAuthenticator;
import org.apache.arrow.flight.auth2.CallHeaderAuthenticator.AuthResult;
import org.apache.arrow.flight.auth2.GeneratedBearerTokenAuthenticator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.exceptions.KernelException;
import org.neo4j.internal.kernel.api.connectioninfo.ClientConnectionInfo;
import org.neo4j.internal.kernel.api.security.AuthenticationResult;
import org.neo4j.io.fs.FileSystemAbstraction;
import org.neo4j.kernel.api.procedure.GlobalProcedures;
import org.neo4j.kernel.api.security.AuthManager;
import org.neo4j.kernel.api.security.AuthToken;
import org.neo4j.kernel.api.security.exception.InvalidAuthTokenException;
import org.neo4j.kernel.internal.GraphDatabaseAPI;
import org.neo4j.logging.internal.LogService;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Bulk imports over Arrow Flight on 127.0.0.1, in clear: the protocol with which GDS Enterprise
 * builds a database. The kernel's user logs in with basic authentication and gets a bearer token.
 */
public final class FlightEndpoint implements AutoCloseable {
    private static final long STOP_SECONDS = 2;

    private final BufferAllocator allocator;
    private final Imports imports;
    private final FlightServer server;

    private FlightEndpoint(BufferAllocator allocator, Imports imports, FlightServer server) {
        this.allocator = allocator;
        this.imports = imports;
        this.server = server;
    }

    /**
     * @param home directory of the server's data; what is put stands in {@code imports} below it
     *     until it is built
     * @param idle after which an import without a command is aborted
     */
    public static FlightEndpoint start(
            DatabaseManagementService management, String host, int port, Path home, Duration idle)
            throws IOException, KernelException {
        var system = (GraphDatabaseAPI) management.database(SYSTEM_DATABASE_NAME);
        var dependencies = system.getDependencyResolver();
        var log =
                dependencies
                        .resolveDependency(LogService.class)
                        .getInternalLogProvider()
                        .getLog(FlightEndpoint.class);
        var allocator = new RootAllocator();
        var spools = home.resolve("imports");
        var files = dependencies.resolveDependency(FileSystemAbstraction.class);
        if (Files.exists(spools)) files.deleteRecursively(spools);
        var imports =
                new Imports(
                        new StoreBuilder(management, system, allocator), spools, idle, log);
        var basic =
                new BasicCallHeaderAuthenticator((user, secret) -> login(system, user, secret));
        var server =
                FlightServer.builder(
                                allocator,
                                Location.forGrpcInsecure(host, port),
                                new ImportProtocol(imports, allocator, log))
                        .headerAuthenticator(new GeneratedBearerTokenAuthenticator(basic))
                        .build()
                        .start();
        ArrowProcedure.register(
                dependencies.resolveDependency(GlobalProcedures.class),
                host + ":" + server.getPort());
        return new FlightEndpoint(allocator, imports, server);
    }

    public int port() {
        return server.getPort();
    }

    @Override
    public void close() throws InterruptedException {
        server.shutdown();
        server.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS);
        imports.close();
        // What a put still holds goes with the process; the allocator would only complain of it.
        if (allocator.getAllocatedMemory() == 0) allocator.close();
    }

    private static AuthResult login(GraphDatabaseAPI system, String user, String password) {
        try {
            var result =
                    system.getDependencyResolver()
                            .resolveDependency(AuthManager.class)
                            .login(
                                    AuthToken.newBasicAuthToken(user, password),
                                    ClientConnectionInfo.EMBEDDED_CONNECTION)
                            .subject()
                            .getAuthenticationResult();
            if (result != AuthenticationResult.SUCCESS) throw FlightFailures.unauthenticated();
            return () -> user;
        } catch (InvalidAuthTokenException problem) {
            throw FlightFailures.unauthenticated();
        }
    }
}
