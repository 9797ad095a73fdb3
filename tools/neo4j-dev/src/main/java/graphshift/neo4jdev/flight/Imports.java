// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import graphshift.neo4jdev.flight.RunningImport.Phase;

import org.neo4j.logging.Log;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The imports by name. One without a command for the idle time is aborted, as GDS does it. */
final class Imports implements AutoCloseable {
    private static final long LOOK_MILLIS = 200;

    private final Map<String, RunningImport> running = new ConcurrentHashMap<>();
    private final AtomicLong number = new AtomicLong();
    private final StoreBuilder builder;
    private final Path directory;
    private final Duration idle;
    private final Log log;
    private final ScheduledExecutorService watch =
            Executors.newSingleThreadScheduledExecutor(
                    task -> {
                        var thread = new Thread(task, "idle imports");
                        thread.setDaemon(true);
                        return thread;
                    });

    /**
     * @param directory for what is put, below it a directory an import; its content is of no use
     *     after a restart
     */
    Imports(StoreBuilder builder, Path directory, Duration idle, Log log) {
        this.builder = builder;
        this.directory = directory;
        this.idle = idle;
        this.log = log;
        watch.scheduleWithFixedDelay(
                this::abortIdle, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    void create(ImportSettings settings) throws IOException {
        var name = settings.name();
        builder.checkName(name);
        if (builder.exists(name) && !settings.force())
            throw FlightFailures.exists("database", name);
        var next =
                new RunningImport(
                        settings, directory.resolve(name + "_" + number.incrementAndGet()));
        if (running.putIfAbsent(name, next) == null) return;
        next.delete();
        throw FlightFailures.exists("arrow process with name", name);
    }

    RunningImport find(String name) {
        var found = running.get(name);
        if (found == null) throw FlightFailures.notFound(name);
        return found;
    }

    long nodesDone(String name) {
        var process = find(name);
        process.enter(Phase.NODES, Phase.RELATIONSHIPS);
        return process.count(EntityKind.NODE);
    }

    /**
     * Builds the database and starts it; the import ends here, well or not.
     *
     * @return relationships in the new database
     */
    long relationshipsDone(String name) throws IOException {
        var process = find(name);
        process.enter(Phase.RELATIONSHIPS, Phase.BUILDING);
        try {
            return builder.build(process);
        } finally {
            running.remove(name, process);
            process.delete();
        }
    }

    void abort(String name) throws IOException {
        abort(name, find(name));
    }

    @Override
    public void close() {
        watch.shutdownNow();
    }

    private void abort(String name, RunningImport process) throws IOException {
        process.abort();
        running.remove(name, process);
        process.delete();
    }

    private void abortIdle() {
        running.forEach(
                (name, process) -> {
                    if (!process.isIdle(idle.toNanos())) return;
                    log.warn("The import '%s' had no command for %s: aborting it", name, idle);
                    try {
                        abort(name, process);
                    } catch (IOException | RuntimeException problem) {
                        log.error("Failed to abort the import '" + name + "'", problem);
                    }
                });
    }
}
