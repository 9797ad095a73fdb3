// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import org.neo4j.io.fs.FileSystemAbstraction;
import org.neo4j.io.layout.Neo4jLayout;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The directories that hold the databases' files: of each name one with the store and one with its
 * log.
 */
final class Stores {
    private final Neo4jLayout layout;
    private final FileSystemAbstraction files;

    Stores(Neo4jLayout layout, FileSystemAbstraction files) {
        this.layout = layout;
        this.files = files;
    }

    void delete(String name) {
        var store = layout.databaseLayout(name);
        try {
            for (var directory :
                    List.of(store.databaseDirectory(), store.getTransactionLogsDirectory())) {
                if (files.fileExists(directory)) files.deleteRecursively(directory);
            }
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    /** The names under which there is anything on disk. */
    List<String> names() {
        return Stream.of(layout.databasesDirectory(), layout.transactionLogsRootDirectory())
                .flatMap(root -> below(root).stream())
                .distinct()
                .toList();
    }

    private static Set<String> below(Path root) {
        if (!Files.isDirectory(root)) return Set.of();
        try (var entries = Files.list(root)) {
            return Set.copyOf(
                    entries.filter(Files::isDirectory)
                            .map(entry -> entry.getFileName().toString())
                            .toList());
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }
}
