// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import static org.neo4j.kernel.database.NamedDatabaseId.NAMED_SYSTEM_DATABASE_ID;

import org.neo4j.dbms.api.DatabaseManagementException;
import org.neo4j.dbms.database.DatabaseContextFactory;
import org.neo4j.dbms.database.DatabaseRepository;
import org.neo4j.dbms.database.StandaloneDatabaseContext;
import org.neo4j.dbms.database.UnableToStartDatabaseException;
import org.neo4j.kernel.database.NamedDatabaseId;
import org.neo4j.logging.Log;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The kernel databases of this process. A failure is logged and kept with its database, where
 * {@code SHOW DATABASES} reads it ({@code CommunityDatabaseStateService}, 5.26); it never reaches
 * whoever committed the change.
 */
final class RunningDatabases {
    private final DatabaseRepository<StandaloneDatabaseContext> repository;
    private final DatabaseContextFactory<StandaloneDatabaseContext, Optional<?>> factory;
    private final Log log;

    RunningDatabases(
            DatabaseRepository<StandaloneDatabaseContext> repository,
            DatabaseContextFactory<StandaloneDatabaseContext, Optional<?>> factory,
            Log log) {
        this.repository = repository;
        this.factory = factory;
        this.log = log;
    }

    StandaloneDatabaseContext system() {
        return repository.getDatabaseContext(NAMED_SYSTEM_DATABASE_ID).orElseThrow();
    }

    /** All but {@code system}. */
    Map<NamedDatabaseId, StandaloneDatabaseContext> users() {
        var users =
                new LinkedHashMap<NamedDatabaseId, StandaloneDatabaseContext>(
                        repository.registeredDatabases());
        users.remove(NAMED_SYSTEM_DATABASE_ID);
        return users;
    }

    Optional<StandaloneDatabaseContext> find(NamedDatabaseId id) {
        return repository.getDatabaseContext(id);
    }

    StandaloneDatabaseContext add(NamedDatabaseId id) {
        var context = factory.create(id, Optional.empty());
        repository.add(id, context);
        return context;
    }

    void remove(NamedDatabaseId id) {
        repository.remove(id);
    }

    /**
     * @return whether it runs
     */
    boolean start(StandaloneDatabaseContext context) {
        var id = context.database().getNamedDatabaseId();
        try {
            context.clearFailure();
            context.database().start();
            return true;
        } catch (Throwable problem) {
            log.error("Failed to start " + id, problem);
            context.fail(UnableToStartDatabaseException.unableToStartDb(id, problem));
            return false;
        }
    }

    void stop(StandaloneDatabaseContext context) {
        var id = context.database().getNamedDatabaseId();
        try {
            context.clearFailure();
            context.database().stop();
        } catch (Throwable problem) {
            log.error("Failed to stop " + id, problem);
            context.fail(DatabaseManagementException.wrap(problem));
        }
    }

    /** Stops it, ending what runs on it, and deletes its files. */
    void drop(NamedDatabaseId id, StandaloneDatabaseContext context) {
        try {
            context.database().drop();
        } catch (Throwable problem) {
            // What is left of it goes at the next start, or when a database of its name is created.
            log.error("Failed to drop " + id, problem);
        } finally {
            repository.remove(id);
        }
    }
}
