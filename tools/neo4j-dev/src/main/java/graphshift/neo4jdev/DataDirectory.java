// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The server's home directory, held by this process alone until it ends.
 *
 * <p>The program deletes stores that no database owns, so it takes only a directory that it made
 * itself: an empty one gets a mark, and one with other content and no mark is refused.
 */
final class DataDirectory {
    private static final String MARK = "neo4j-dev.lock";

    private final Path path;

    /** Kept reachable: the lock goes with it. */
    private final FileLock lock;

    private DataDirectory(Path path, FileLock lock) {
        this.path = path;
        this.lock = lock;
    }

    static DataDirectory claim(Path path) throws Refusal {
        try {
            Files.createDirectories(path);
            if (!Files.exists(path.resolve(MARK)) && !isEmpty(path)) {
                throw Refusal.wrongUse(
                        "the data directory "
                                + path
                                + " has other content and was not made by this program; name a new"
                                + " or empty one");
            }
            return new DataDirectory(path, lock(path));
        } catch (IOException problem) {
            throw Refusal.wrongUse(
                    "the data directory %s cannot be used: %s".formatted(path, reason(problem)));
        }
    }

    Path path() {
        if (!lock.isValid())
            throw new IllegalStateException("the data directory is no longer held");
        return path;
    }

    /** The channel stays open for the life of the process; closing it would give the lock up. */
    @SuppressWarnings("resource")
    private static FileLock lock(Path path) throws IOException, Refusal {
        var channel =
                FileChannel.open(
                        path.resolve(MARK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var lock = channel.tryLock();
        if (lock == null) {
            channel.close();
            throw Refusal.wrongUse(
                    "the data directory "
                            + path
                            + " is in use by another server; stop that one first");
        }
        return lock;
    }

    private static boolean isEmpty(Path path) throws IOException {
        try (var entries = Files.list(path)) {
            return entries.findAny().isEmpty();
        }
    }

    private static String reason(IOException problem) {
        if (problem instanceof java.nio.file.AccessDeniedException)
            return "no permission to write there";
        if (problem instanceof java.nio.file.FileAlreadyExistsException) return "it is a file";
        if (problem instanceof FileSystemException named && named.getReason() != null)
            return named.getReason();
        return problem.toString();
    }
}
