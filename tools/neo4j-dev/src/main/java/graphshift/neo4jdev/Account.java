// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

import org.neo4j.internal.kernel.api.connectioninfo.ClientConnectionInfo;
import org.neo4j.internal.kernel.api.security.AuthenticationResult;
import org.neo4j.kernel.api.security.AuthManager;
import org.neo4j.kernel.api.security.AuthToken;
import org.neo4j.kernel.api.security.exception.InvalidAuthTokenException;
import org.neo4j.kernel.internal.GraphDatabaseAPI;

import java.util.Map;
import java.util.Optional;

/** The one user that the Community kernel has from the start, {@code neo4j}, and its password. */
final class Account {
    private static final String USER = "neo4j";

    /** The documented password of a new data directory; the server listens on 127.0.0.1 alone. */
    private static final String DEFAULT_PASSWORD = "graphshift";

    private final GraphDatabaseAPI system;

    Account(GraphDatabaseAPI system) {
        this.system = system;
    }

    /**
     * Sets the wanted password. Without one, a new data directory gets the default and any other
     * keeps its own.
     *
     * @return how to log in, for people; it names no password but the default
     */
    String apply(Optional<String> wanted) throws Refusal {
        try {
            if (wanted.isPresent()) {
                // The kernel refuses to set the password that is already there.
                if (login(wanted.get()) != AuthenticationResult.SUCCESS) set(wanted.get());
                return "user " + USER + ", the password that was given";
            }
            // A new kernel has the user with a password that must be changed first.
            if (login(USER) == AuthenticationResult.PASSWORD_CHANGE_REQUIRED) set(DEFAULT_PASSWORD);
            return login(DEFAULT_PASSWORD) == AuthenticationResult.SUCCESS
                    ? "user " + USER + ", password " + DEFAULT_PASSWORD
                    : "user " + USER + ", the password that was set before";
        } catch (RuntimeException | InvalidAuthTokenException problem) {
            throw Refusal.failed("the password could not be set: " + problem.getMessage(), problem);
        }
    }

    private AuthenticationResult login(String password) throws InvalidAuthTokenException {
        return system.getDependencyResolver()
                .resolveDependency(AuthManager.class)
                .login(
                        AuthToken.newBasicAuthToken(USER, password),
                        ClientConnectionInfo.EMBEDDED_CONNECTION)
                .subject()
                .getAuthenticationResult();
    }

    private void set(String password) {
        system.executeTransactionally(
                "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED",
                Map.of("password", password));
    }
}
