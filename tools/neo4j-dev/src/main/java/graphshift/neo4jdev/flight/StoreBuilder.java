// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.memory.BufferAllocator;
import org.neo4j.batchimport.api.Configuration;
import org.neo4j.batchimport.api.IndexConfig;
import org.neo4j.batchimport.api.Monitor;
import org.neo4j.batchimport.api.input.Collector;
import org.neo4j.batchimport.api.input.Input;
import org.neo4j.common.DependencyResolver;
import org.neo4j.configuration.Config;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.helpers.DatabaseNameValidator;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.internal.batchimport.DefaultAdditionalIds;
import org.neo4j.internal.batchimport.input.BadCollector;
import org.neo4j.internal.batchimport.input.Collectors;
import org.neo4j.internal.batchimport.input.Groups;
import org.neo4j.io.fs.FileSystemAbstraction;
import org.neo4j.io.layout.DatabaseLayout;
import org.neo4j.io.layout.Neo4jLayout;
import org.neo4j.io.pagecache.context.CursorContextFactory;
import org.neo4j.io.pagecache.tracing.PageCacheTracer;
import org.neo4j.kernel.database.NormalizedDatabaseName;
import org.neo4j.kernel.impl.index.schema.IndexImporterFactoryImpl;
import org.neo4j.kernel.impl.transaction.log.files.TransactionLogInitializer;
import org.neo4j.kernel.internal.GraphDatabaseAPI;
import org.neo4j.logging.internal.LogService;
import org.neo4j.memory.EmptyMemoryTracker;
import org.neo4j.scheduler.JobScheduler;
import org.neo4j.storageengine.api.StorageEngineFactory;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;

/**
 * Builds a store with the kernel's own batch importer and makes it a database.
 *
 * <p>Relies on {@code StorageEngineFactory.batchImporter} (5.26) and on {@code existingData: 'use'}
 * of {@code CREATE DATABASE}. A kill before that statement leaves a store that no database owns,
 * which the next start deletes.
 */
final class StoreBuilder {
    private static final long START_MILLIS = 60_000;
    private static final long OFF_HEAP_BYTES = 512L << 20;

    private final DatabaseManagementService management;
    private final GraphDatabaseAPI system;
    private final BufferAllocator allocator;

    StoreBuilder(
            DatabaseManagementService management,
            GraphDatabaseAPI system,
            BufferAllocator allocator) {
        this.management = management;
        this.system = system;
        this.allocator = allocator;
    }

    boolean exists(String name) {
        return management.listDatabases().contains(name);
    }

    void checkName(String name) {
        try {
            DatabaseNameValidator.validateExternalDatabaseName(new NormalizedDatabaseName(name));
        } catch (IllegalArgumentException problem) {
            throw FlightFailures.invalid(problem.getMessage());
        }
    }

    long build(RunningImport process) throws IOException {
        var settings = process.settings();
        var name = settings.name();
        if (exists(name)) {
            if (!settings.force()) throw FlightFailures.exists("database", name);
            run("DROP DATABASE $name DESTROY DATA", name);
        }
        var dependencies = system.getDependencyResolver();
        var layout =
                Neo4jLayout.of(dependencies.resolveDependency(Config.class)).databaseLayout(name);
        delete(layout);
        try {
            importInto(layout, process, dependencies);
            run("CREATE DATABASE $name OPTIONS {existingData: 'use'}", name);
        } catch (IOException | RuntimeException failure) {
            if (!exists(name)) delete(layout);
            throw failure;
        }
        var database = management.database(name);
        if (!database.isAvailable(START_MILLIS))
            throw new IllegalStateException("the imported database did not start");
        return database.executeTransactionally(
                "MATCH ()-[r]->() RETURN count(r) AS n",
                Map.of(),
                rows -> (Long) rows.next().get("n"));
    }

    private void importInto(
            DatabaseLayout layout, RunningImport process, DependencyResolver dependencies)
            throws IOException {
        var settings = process.settings();
        var config =
                Config.newBuilder()
                        .fromConfig(dependencies.resolveDependency(Config.class))
                        .set(GraphDatabaseSettings.db_format, settings.storeFormat())
                        .build();
        var bad =
                settings.tolerant()
                        ? Collectors.badCollector(
                                OutputStream.nullOutputStream(),
                                BadCollector.UNLIMITED_TOLERANCE,
                                Collectors.collect(true, true, true, true))
                        : Collector.STRICT;
        try (bad) {
            StorageEngineFactory.selectStorageEngine(config)
                    .batchImporter(
                            layout,
                            dependencies.resolveDependency(FileSystemAbstraction.class),
                            PageCacheTracer.NULL,
                            new ImporterConfiguration(settings),
                            dependencies.resolveDependency(LogService.class),
                            new PrintStream(OutputStream.nullOutputStream()),
                            false,
                            DefaultAdditionalIds.EMPTY,
                            config,
                            Monitor.NO_MONITOR,
                            dependencies.resolveDependency(JobScheduler.class),
                            bad,
                            TransactionLogInitializer.getLogFilesInitializer(),
                            new IndexImporterFactoryImpl(),
                            EmptyMemoryTracker.INSTANCE,
                            CursorContextFactory.NULL_CONTEXT_FACTORY)
                    .doImport(input(process));
        }
    }

    private Input input(RunningImport process) {
        var groups = new Groups();
        var group = groups.getOrCreate(null);
        var settings = process.settings();
        long nodes = process.count(EntityKind.NODE);
        long relationships = process.count(EntityKind.RELATIONSHIP);
        return Input.input(
                SpooledEntities.nodes(process.files(EntityKind.NODE), settings, group, allocator),
                SpooledEntities.relationships(
                        process.files(EntityKind.RELATIONSHIP), settings, group, allocator),
                settings.idType(),
                Input.knownEstimates(
                        nodes,
                        relationships,
                        nodes * 4,
                        relationships,
                        nodes * 64,
                        relationships * 16,
                        nodes),
                groups);
    }

    private void delete(DatabaseLayout layout) throws IOException {
        var files = system.getDependencyResolver().resolveDependency(FileSystemAbstraction.class);
        for (var directory :
                List.of(layout.databaseDirectory(), layout.getTransactionLogsDirectory())) {
            if (files.fileExists(directory)) files.deleteRecursively(directory);
        }
    }

    private void run(String statement, String name) {
        system.executeTransactionally(statement, Map.of("name", name));
    }

    private static final class ImporterConfiguration extends Configuration.Overridden {
        private final ImportSettings settings;

        ImporterConfiguration(ImportSettings settings) {
            super(Configuration.defaultConfiguration());
            this.settings = settings;
        }

        @Override
        public int maxNumberOfWorkerThreads() {
            return Math.min(settings.concurrency(), Runtime.getRuntime().availableProcessors());
        }

        @Override
        public long maxOffHeapMemory() {
            return OFF_HEAP_BYTES;
        }

        @Override
        public boolean highIO() {
            return settings.highIo();
        }

        @Override
        public IndexConfig indexConfig() {
            return IndexConfig.create().withLabelIndex().withRelationshipTypeIndex();
        }
    }
}
