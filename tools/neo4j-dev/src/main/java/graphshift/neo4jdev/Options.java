// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What the program is told: {@code --data DIR} and, with their defaults, {@code --bolt 7687} (0
 * takes a free port), {@code --max-databases 100} and {@code --page-cache-mb 64}. With {@code
 * --flight PORT} it serves imports over Arrow Flight too, and aborts one that is idle for {@code
 * --flight-idle-seconds 600}. The password comes in the environment variable {@value
 * #PASSWORD_VARIABLE}, since arguments can be read by everyone on the machine.
 */
record Options(
        Path data,
        int boltPort,
        long maxDatabases,
        long pageCacheMb,
        OptionalInt flightPort,
        Duration flightIdle,
        Optional<String> password) {
    static final String PASSWORD_VARIABLE = "NEO4J_DEV_PASSWORD";

    /** What the kernel itself asks for by default (dbms.security.auth_minimum_password_length). */
    private static final int SHORTEST_PASSWORD = 8;

    private static final Set<String> NAMES =
            Set.of(
                    "--data",
                    "--bolt",
                    "--max-databases",
                    "--page-cache-mb",
                    "--flight",
                    "--flight-idle-seconds");

    static Options parse(String[] arguments, Map<String, String> environment) throws Refusal {
        var given = pairs(arguments);
        if (!given.containsKey("--data")) {
            throw Refusal.wrongUse(
                    "--data is missing; it names the directory of the server's data");
        }
        return new Options(
                Path.of(given.get("--data")).toAbsolutePath().normalize(),
                (int) number(given, "--bolt", 7687, 0, 65535),
                number(given, "--max-databases", 100, 2, Integer.MAX_VALUE),
                number(given, "--page-cache-mb", 64, 8, Integer.MAX_VALUE),
                given.containsKey("--flight")
                        ? OptionalInt.of((int) number(given, "--flight", 0, 0, 65535))
                        : OptionalInt.empty(),
                Duration.ofSeconds(number(given, "--flight-idle-seconds", 600, 1, 86_400)),
                password(environment));
    }

    private static Map<String, String> pairs(String[] arguments) throws Refusal {
        var given = new HashMap<String, String>();
        for (int i = 0; i < arguments.length; i += 2) {
            if (!NAMES.contains(arguments[i])) {
                throw Refusal.wrongUse(
                        "unknown option "
                                + arguments[i]
                                + "; there are "
                                + String.join(", ", NAMES.stream().sorted().toList()));
            }
            if (i + 1 == arguments.length) throw Refusal.wrongUse(arguments[i] + " has no value");
            given.put(arguments[i], arguments[i + 1]);
        }
        return given;
    }

    private static long number(
            Map<String, String> given, String name, long otherwise, long least, long most)
            throws Refusal {
        var text = given.get(name);
        if (text == null) return otherwise;
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) return number;
        } catch (NumberFormatException notANumber) {
            // said below
        }
        throw Refusal.wrongUse(
                "%s is %s; it must be a whole number from %d to %d"
                        .formatted(name, text, least, most));
    }

    private static Optional<String> password(Map<String, String> environment) throws Refusal {
        var password = environment.get(PASSWORD_VARIABLE);
        if (password == null || password.isEmpty()) return Optional.empty();
        int length = password.codePointCount(0, password.length());
        if (length < SHORTEST_PASSWORD) {
            throw Refusal.wrongUse(
                    "the password has %d characters; it must have at least %d"
                            .formatted(length, SHORTEST_PASSWORD));
        }
        return Optional.of(password);
    }
}
