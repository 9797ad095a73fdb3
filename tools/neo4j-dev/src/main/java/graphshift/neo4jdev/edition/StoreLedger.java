// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import org.neo4j.kernel.database.NamedDatabaseId;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;

/**
 * Says on disk which database each store belongs to and whether it was ever built to its end. The
 * kernel names a store by the name of its database, so that after a kill nothing else tells the
 * store of a dropped database from that of a new one of the same name.
 *
 * <p>One file a name, written before the store and durable when the method returns.
 */
final class StoreLedger {
    /**
     * @param complete whether the store was once started: until then it holds nobody's data
     */
    record Entry(UUID owner, boolean complete) {}

    private static final String COMPLETE = "complete";
    private static final String BUILDING = "building";

    private final Path directory;

    StoreLedger(Path directory) {
        this.directory = directory;
    }

    Optional<Entry> entry(String name) {
        try {
            var words = Files.readString(directory.resolve(name)).strip().split(" ");
            return Optional.of(new Entry(UUID.fromString(words[0]), COMPLETE.equals(words[1])));
        } catch (NoSuchFileException none) {
            return Optional.empty();
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    void begin(NamedDatabaseId id) {
        write(id, BUILDING);
    }

    void complete(NamedDatabaseId id) {
        write(id, COMPLETE);
    }

    void forget(String name) {
        try {
            Files.deleteIfExists(directory.resolve(name));
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    private void write(NamedDatabaseId id, String state) {
        try {
            Files.createDirectories(directory);
            // No database is called so: names have no underscore.
            var next = directory.resolve("_next");
            Files.writeString(next, id.databaseId().uuid() + " " + state + "\n");
            sync(next);
            Files.move(next, directory.resolve(id.name()), ATOMIC_MOVE, REPLACE_EXISTING);
            sync(directory);
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    private static void sync(Path path) throws IOException {
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
