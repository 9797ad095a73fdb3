// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import org.neo4j.dbms.CommunityDatabaseStateService;
import org.neo4j.dbms.CommunityKernelPanicListener;
import org.neo4j.dbms.database.DatabaseContextProvider;
import org.neo4j.dbms.database.DatabaseContextProviderDelegate;
import org.neo4j.dbms.database.DatabaseRepository;
import org.neo4j.dbms.database.StandaloneDatabaseContext;
import org.neo4j.dbms.database.SystemGraphComponents;
import org.neo4j.graphdb.GraphDatabaseService;
import org.neo4j.graphdb.event.TransactionData;
import org.neo4j.graphdb.event.TransactionEventListenerAdapter;
import org.neo4j.graphdb.factory.module.GlobalModule;
import org.neo4j.graphdb.factory.module.edition.CommunityEditionModule;
import org.neo4j.kernel.database.DatabaseId;
import org.neo4j.kernel.database.MapCachingDatabaseIdRepository;
import org.neo4j.kernel.database.MapCachingDatabaseReferenceRepository;
import org.neo4j.kernel.database.SystemGraphDatabaseIdRepository;
import org.neo4j.kernel.database.SystemGraphDatabaseReferenceRepository;
import org.neo4j.kernel.impl.api.TransactionalProcessFactory;

/**
 * The Community edition with any number of standard databases, and with aliases.
 *
 * <p>Overrides what {@code CommunityEditionModule} (5.26) does about databases: {@link
 * #createDatabaseContextProvider} puts our repository, lifecycles and commit listener in place of
 * the kernel's, which caps databases at two, and {@link #registerDefaultDatabaseInitializer} starts
 * all of them and not one alone.
 */
@SuppressWarnings(
        "unchecked") // The kernel overrides createDatabaseContextProvider without its type
// parameter.
public final class DevEditionModule extends CommunityEditionModule {
    private DatabaseLifecycles lifecycles;

    public DevEditionModule(GlobalModule global) {
        super(global);
    }

    @Override
    public DatabaseContextProvider<?> createDatabaseContextProvider(GlobalModule global) {
        var internalLog = global.getLogService().getInternalLogProvider();
        var ids = new MapCachingDatabaseIdRepository();
        var repository = new DatabaseRepository<StandaloneDatabaseContext>(ids);
        ids.setDelegate(
                new SystemGraphDatabaseIdRepository(
                        () -> repository.getDatabaseContext(DatabaseId.SYSTEM_DATABASE_ID),
                        internalLog));
        var aliases = new AliasTable();
        aliases.setDelegate(
                new SystemGraphDatabaseReferenceRepository(repository::getSystemDatabaseContext));
        install(aliases);

        var log = global.getLogService().getUserLogProvider().getLog(getClass());
        var factory =
                new DevDatabaseContextFactory(
                        global, identityModule, createIdContextFactory(global), this, aliases);
        var databases = new RunningDatabases(repository, factory, log);
        var layout = global.getNeo4jLayout();
        var reconciler =
                new DatabaseReconciler(
                        databases,
                        new Stores(layout, global.getFileSystem()),
                        new StoreLedger(layout.homeDirectory().resolve("stores")),
                        log);
        lifecycles = new DatabaseLifecycles(databases, reconciler);
        databaseStateService = new CommunityDatabaseStateService(repository);

        var life = global.getGlobalLife();
        life.add(new CommunityKernelPanicListener(global.getDatabaseEventListeners(), repository));
        life.add(lifecycles.systemStarter());
        life.add(lifecycles.stopper());
        var dependencies = global.getGlobalDependencies();
        dependencies.satisfyDependency(DatabaseContextProviderDelegate.delegate(repository));
        dependencies.satisfyDependency(databaseStateService);
        dependencies.satisfyDependency(SystemGraphComponents.UpgradeChecker.UPGRADE_ALWAYS_ALLOWED);
        listen(global, ids, aliases, reconciler);
        return repository;
    }

    @Override
    protected void registerDefaultDatabaseInitializer(GlobalModule global) {
        global.getGlobalLife().add(lifecycles.userDatabaseStarter());
    }

    TransactionalProcessFactory commitProcesses() {
        return createCommitProcessFactory();
    }

    private static void listen(
            GlobalModule global,
            MapCachingDatabaseIdRepository ids,
            AliasTable aliases,
            DatabaseReconciler reconciler) {
        var listener =
                new TransactionEventListenerAdapter<Object>() {
                    @Override
                    public void afterCommit(
                            TransactionData data, Object state, GraphDatabaseService system) {
                        ids.invalidateAll();
                        reconciler.afterCommit(aliases::invalidateAll);
                    }
                };
        global.getTransactionEventListeners()
                .registerTransactionEventListener(SYSTEM_DATABASE_NAME, listener);
    }

    /**
     * Routing and the query router take the repository of names from a private field of {@code
     * CommunityEditionModule}; ours is put there, and behind the one that its constructor has
     * already published.
     */
    private void install(AliasTable aliases) {
        try {
            var field = CommunityEditionModule.class.getDeclaredField("databaseReferenceRepo");
            field.setAccessible(true);
            ((MapCachingDatabaseReferenceRepository) field.get(this)).setDelegate(aliases);
            field.set(this, aliases);
        } catch (ReflectiveOperationException problem) {
            throw new IllegalStateException(
                    "not the Neo4j version that this was written for", problem);
        }
    }
}
