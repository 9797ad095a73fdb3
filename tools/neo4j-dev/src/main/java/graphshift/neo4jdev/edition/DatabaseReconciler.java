// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.dbms.database.StandaloneDatabaseContext;
import org.neo4j.kernel.database.NamedDatabaseId;
import org.neo4j.logging.Log;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Makes the databases that run, and the stores on disk, equal to what the system graph asks for.
 *
 * <p>The system graph is the one truth: a kill at any moment leaves stores that it does not ask
 * for, or none for one that it asks for, and the next start deletes the former and builds the
 * latter.
 */
final class DatabaseReconciler {
    private record Wanted(boolean online, boolean existingData) {}

    private final RunningDatabases databases;
    private final Stores stores;
    private final StoreLedger ledger;
    private final Log log;
    private boolean running;

    DatabaseReconciler(RunningDatabases databases, Stores stores, StoreLedger ledger, Log log) {
        this.databases = databases;
        this.stores = stores;
        this.ledger = ledger;
        this.log = log;
    }

    /** Once, when the system database runs. */
    synchronized void atStart() {
        var wanted = wanted();
        sweep(wanted.keySet());
        bring(wanted);
        running = true;
    }

    /** From here on commits on the system database change nothing any more: the server stops. */
    synchronized void atStop() {
        running = false;
    }

    /**
     * After each commit on the system database, by the committing thread: when the client has its
     * answer, all is done. A name leads to its new database only once that one runs, and no longer
     * to an old one before that one stops.
     *
     * @param refreshNames lets names resolve as they stand now
     */
    synchronized void afterCommit(Runnable refreshNames) {
        if (!running) {
            refreshNames.run();
            return;
        }
        var wanted = wanted();
        dropReplaced(wanted.keySet());
        bring(wanted);
        refreshNames.run();
        retire(wanted);
    }

    private Map<NamedDatabaseId, Wanted> wanted() {
        var wanted = new LinkedHashMap<NamedDatabaseId, Wanted>();
        try (var transaction = databases.system().databaseFacade().beginTx()) {
            for (var database : new SystemGraph(transaction).databases()) {
                if (database.isSystem()) continue;
                var want = new Wanted(database.isWantedOnline(), database.usesExistingData());
                wanted.put(database.id(), want);
            }
        }
        return wanted;
    }

    /**
     * Deletes what no database owns: drops that were cut, and imports that never became a database.
     */
    private void sweep(Set<NamedDatabaseId> wanted) {
        var names = wanted.stream().map(NamedDatabaseId::name).collect(Collectors.toSet());
        for (var name : stores.names()) {
            if (names.contains(name) || NamedDatabaseId.SYSTEM_DATABASE_NAME.equals(name)) continue;
            log.info("Deleting the store '%s', which belongs to no database", name);
            stores.delete(name);
            ledger.forget(name);
        }
    }

    /** A new database of the same name needs the directory of the old one. */
    private void dropReplaced(Set<NamedDatabaseId> wanted) {
        var names = wanted.stream().map(NamedDatabaseId::name).collect(Collectors.toSet());
        for (var id : databases.users().keySet()) {
            if (!wanted.contains(id) && names.contains(id.name())) drop(id);
        }
    }

    private void bring(Map<NamedDatabaseId, Wanted> wanted) {
        for (var entry : wanted.entrySet()) {
            var id = entry.getKey();
            try {
                var context = databases.find(id).orElseGet(() -> create(id, entry.getValue()));
                if (entry.getValue().online && !context.database().isStarted()) {
                    start(id, entry.getValue(), context);
                }
            } catch (RuntimeException problem) {
                log.error("Failed to bring up " + id, problem);
            }
        }
    }

    private void retire(Map<NamedDatabaseId, Wanted> wanted) {
        for (var entry : databases.users().entrySet()) {
            var want = wanted.get(entry.getKey());
            if (want == null) {
                drop(entry.getKey());
            } else if (!want.online && entry.getValue().database().isStarted()) {
                databases.stop(entry.getValue());
            }
        }
    }

    private StandaloneDatabaseContext create(NamedDatabaseId id, Wanted want) {
        var entry = ledger.entry(id.name());
        boolean owned = entry.isPresent() && entry.get().owner().equals(id.databaseId().uuid());
        if (!owned) {
            // Without an entry it may be an import that this database is to take over.
            if (entry.isPresent() || !want.existingData) stores.delete(id.name());
            ledger.begin(id);
        }
        return databases.add(id);
    }

    /**
     * A store whose building was cut by a kill may not start; it never held data, so it is built
     * anew.
     */
    private void start(NamedDatabaseId id, Wanted want, StandaloneDatabaseContext context) {
        boolean complete = ledger.entry(id.name()).map(StoreLedger.Entry::complete).orElse(false);
        boolean started = databases.start(context);
        if (!started && !complete && !want.existingData) {
            log.info("Building the store '%s' anew: it was never complete", id.name());
            databases.remove(id);
            stores.delete(id.name());
            started = databases.start(databases.add(id));
        }
        if (started && !complete) ledger.complete(id);
    }

    private void drop(NamedDatabaseId id) {
        databases.find(id).ifPresent(context -> databases.drop(id, context));
        try {
            ledger.forget(id.name());
        } catch (RuntimeException problem) {
            log.error("Failed to forget the store of " + id, problem);
        }
    }
}
