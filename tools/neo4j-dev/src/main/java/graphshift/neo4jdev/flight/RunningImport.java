// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.memory.BufferAllocator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;

/**
 * One import from its creation to its end: what was put so far, in files of its own, and what may
 * come next. Several puts may bring rows at once.
 */
final class RunningImport {
    enum Phase {
        NODES,
        RELATIONSHIPS,
        BUILDING,
        ENDED
    }

    private final ImportSettings settings;
    private final Path directory;
    private final List<Path> nodes = new ArrayList<>();
    private final List<Path> relationships = new ArrayList<>();
    private long nodeCount;
    private long relationshipCount;
    private int putsUnderWay;
    private int puts;
    private Phase phase = Phase.NODES;
    private long lastCommandNanos = System.nanoTime();

    RunningImport(ImportSettings settings, Path directory) throws IOException {
        this.settings = settings;
        this.directory = Files.createDirectories(directory);
    }

    ImportSettings settings() {
        return settings;
    }

    synchronized List<Path> files(EntityKind kind) {
        return List.copyOf(kind == EntityKind.NODE ? nodes : relationships);
    }

    synchronized long count(EntityKind kind) {
        return kind == EntityKind.NODE ? nodeCount : relationshipCount;
    }

    /** No puts may be under way: what they bring would be of no phase. */
    synchronized void enter(Phase from, Phase to) {
        require(from);
        if (putsUnderWay > 0) {
            throw FlightFailures.invalid(
                    "%d puts into `%s` are under way".formatted(putsUnderWay, settings.name()));
        }
        phase = to;
        touch();
    }

    /**
     * Takes all batches of a put and tells of each when it is on disk.
     *
     * @param cancelled whether the client gave it up: the stream then ends as if it were whole
     */
    void take(
            EntityKind kind,
            FlightStream stream,
            BufferAllocator allocator,
            BooleanSupplier cancelled,
            Runnable onBatch)
            throws IOException {
        var wanted = kind == EntityKind.NODE ? Phase.NODES : Phase.RELATIONSHIPS;
        kind.check(stream.getSchema(), settings.idType());
        var file = begin(kind, wanted);
        long rows = 0;
        boolean whole = false;
        try (var spool = new Spool(file, stream, allocator)) {
            while (stream.next()) {
                require(wanted);
                spool.append();
                rows += stream.getRoot().getRowCount();
                count(kind, stream.getRoot().getRowCount());
                onBatch.run();
            }
            if (cancelled.getAsBoolean()) throw FlightFailures.cancelled();
            spool.finish();
            whole = true;
        } finally {
            end(kind, file, whole, rows);
        }
    }

    synchronized boolean isIdle(long timeoutNanos) {
        return phase != Phase.BUILDING && System.nanoTime() - lastCommandNanos > timeoutNanos;
    }

    /** Puts under way end with an error at their next batch. */
    synchronized void abort() {
        if (phase == Phase.BUILDING)
            throw FlightFailures.invalid("the import `" + settings.name() + "` is being built");
        phase = Phase.ENDED;
    }

    void delete() throws IOException {
        if (!Files.exists(directory)) return;
        try (var paths = Files.walk(directory)) {
            for (var path : paths.sorted(Comparator.reverseOrder()).toList())
                Files.deleteIfExists(path);
        }
    }

    private synchronized Path begin(EntityKind kind, Phase wanted) {
        require(wanted);
        putsUnderWay++;
        puts++;
        touch();
        return directory.resolve(kind.name().toLowerCase(Locale.ROOT) + "-" + puts);
    }

    /** What a broken put had brought is forgotten, as if it had never begun. */
    private synchronized void end(EntityKind kind, Path file, boolean whole, long rows) {
        putsUnderWay--;
        touch();
        if (!whole) count(kind, -rows);
        else if (kind == EntityKind.NODE) nodes.add(file);
        else relationships.add(file);
    }

    private synchronized void count(EntityKind kind, long rows) {
        if (kind == EntityKind.NODE) nodeCount += rows;
        else relationshipCount += rows;
        touch();
    }

    private synchronized void require(Phase wanted) {
        if (phase == Phase.ENDED) throw FlightFailures.notFound(settings.name());
        if (phase != wanted) {
            throw FlightFailures.invalid(
                    "arrow process `%s` is in phase %s".formatted(settings.name(), phase));
        }
    }

    private void touch() {
        lastCommandNanos = System.nanoTime();
    }
}
