// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import graphshift.neo4jdev.command.DevCypherEngineProvider;

import org.neo4j.collection.Dependencies;
import org.neo4j.configuration.DatabaseConfig;
import org.neo4j.cypher.internal.javacompat.CommunityCypherEngineProvider;
import org.neo4j.dbms.database.AbstractDatabaseContextFactory;
import org.neo4j.dbms.database.StandaloneDatabaseContext;
import org.neo4j.dbms.identity.ServerIdentity;
import org.neo4j.dbms.systemgraph.TopologyGraphDbmsModel.HostedOnMode;
import org.neo4j.graphdb.factory.module.GlobalModule;
import org.neo4j.graphdb.factory.module.ModularDatabaseCreationContext;
import org.neo4j.graphdb.factory.module.id.IdContextFactory;
import org.neo4j.io.device.DeviceMapper;
import org.neo4j.kernel.api.Kernel;
import org.neo4j.kernel.database.Database;
import org.neo4j.kernel.database.DatabaseCreationContext;
import org.neo4j.kernel.database.DatabaseTracers;
import org.neo4j.kernel.database.GlobalAvailabilityGuardController;
import org.neo4j.kernel.database.NamedDatabaseId;
import org.neo4j.kernel.impl.api.ExternalIdReuseConditionProvider;
import org.neo4j.kernel.impl.api.LeaseService;
import org.neo4j.kernel.impl.api.TransactionsFactory;
import org.neo4j.kernel.impl.constraints.StandardConstraintSemantics;
import org.neo4j.kernel.impl.factory.AccessCapabilityFactory;
import org.neo4j.kernel.impl.pagecache.CommunityIOControllerService;
import org.neo4j.kernel.impl.pagecache.CommunityVersionStorageFactory;

import java.util.Optional;

/**
 * Makes kernel databases as the Community edition does, but for two things: {@code system} gets our
 * query engine, and all resolve names through our alias table.
 *
 * <p>Follows {@code DefaultDatabaseContextFactory} and the constructor of {@code
 * ModularDatabaseCreationContext} (5.26); the former fixes the query engine, so it cannot be
 * extended.
 */
final class DevDatabaseContextFactory
        extends AbstractDatabaseContextFactory<StandaloneDatabaseContext, Optional<?>> {
    private final GlobalModule global;
    private final ServerIdentity identity;
    private final DevEditionModule edition;
    private final Dependencies dependencies;

    DevDatabaseContextFactory(
            GlobalModule global,
            ServerIdentity identity,
            IdContextFactory ids,
            DevEditionModule edition,
            AliasTable aliases) {
        super(global, ids);
        this.global = global;
        this.identity = identity;
        this.edition = edition;
        // Found before the caching repository that the kernel has put among the global ones.
        dependencies = new Dependencies(global.getGlobalDependencies());
        dependencies.satisfyDependency(aliases);
    }

    @Override
    public StandaloneDatabaseContext create(NamedDatabaseId id, Optional<?> options) {
        var config = new DatabaseConfig(global.getGlobalConfig());
        var cursors = createContextFactory(config, id);
        var holder = new Database[1];
        holder[0] =
                new Database(
                        new ModularDatabaseCreationContext(
                                HostedOnMode.SINGLE,
                                identity,
                                id,
                                global,
                                dependencies,
                                cursors,
                                DeviceMapper.UNKNOWN_MAPPER,
                                new CommunityVersionStorageFactory(),
                                config,
                                global.getGlobalMonitors(),
                                LeaseService.NO_LEASES,
                                () ->
                                        DatabaseCreationContext.selectStorageEngine(
                                                global.getFileSystem(),
                                                global.getNeo4jLayout(),
                                                config,
                                                id),
                                new StandardConstraintSemantics(),
                                id.isSystemDatabase()
                                        ? new DevCypherEngineProvider()
                                        : new CommunityCypherEngineProvider(),
                                edition.getTransactionMonitorFactory().create(),
                                edition.getIndexMonitorFactory().create(),
                                ModularDatabaseCreationContext.defaultFileWatcherFilter(),
                                AccessCapabilityFactory.configDependent(),
                                ExternalIdReuseConditionProvider.NONE,
                                idContextFactory.createIdContext(id, cursors, config, true),
                                edition.commitProcesses(),
                                createTokenHolderProvider(
                                        () ->
                                                holder[0]
                                                        .getDependencyResolver()
                                                        .resolveDependency(Kernel.class)),
                                new GlobalAvailabilityGuardController(
                                        global.getGlobalAvailabilityGuard()),
                                edition.readOnlyDatabases(),
                                new CommunityIOControllerService(),
                                new DatabaseTracers(global.getTracers(), id),
                                global.getDefaultCommandCommitListeners(),
                                TransactionsFactory.DEFAULT));
        return new StandaloneDatabaseContext(holder[0]);
    }
}
