// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import static org.neo4j.kernel.database.NamedDatabaseId.NAMED_SYSTEM_DATABASE_ID;

import org.neo4j.kernel.lifecycle.Lifecycle;
import org.neo4j.kernel.lifecycle.LifecycleAdapter;

/**
 * When databases start and stop with the server. The kernel's own class of this name (5.26) starts
 * {@code system} and one default database and no more.
 */
final class DatabaseLifecycles {
    private final RunningDatabases databases;
    private final DatabaseReconciler reconciler;

    DatabaseLifecycles(RunningDatabases databases, DatabaseReconciler reconciler) {
        this.databases = databases;
        this.reconciler = reconciler;
    }

    Lifecycle systemStarter() {
        return new LifecycleAdapter() {
            @Override
            public void init() {
                databases.add(NAMED_SYSTEM_DATABASE_ID);
            }

            @Override
            public void start() {
                databases.start(databases.system());
                if (databases.system().isFailed()) {
                    throw new IllegalStateException(
                            "the system database did not start", databases.system().failureCause());
                }
            }
        };
    }

    Lifecycle userDatabaseStarter() {
        return new LifecycleAdapter() {
            @Override
            public void start() {
                reconciler.atStart();
            }
        };
    }

    Lifecycle stopper() {
        return new LifecycleAdapter() {
            @Override
            public void stop() {
                reconciler.atStop();
                databases.users().values().forEach(databases::stop);
                databases.stop(databases.system());
            }
        };
    }
}
