// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

/** Why the program does not serve, in one line for the person who started it. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    private Refusal(int exitCode, String line, Throwable cause) {
        super(line, cause);
        this.exitCode = exitCode;
    }

    /** Wrong use, or a port or directory that cannot be used: exit code 2. */
    static Refusal wrongUse(String line) {
        return new Refusal(2, line, null);
    }

    /** The kernel failed for a reason of its own: exit code 1. */
    static Refusal failed(String line, Throwable cause) {
        return new Refusal(1, line, cause);
    }

    int exitCode() {
        return exitCode;
    }
}
