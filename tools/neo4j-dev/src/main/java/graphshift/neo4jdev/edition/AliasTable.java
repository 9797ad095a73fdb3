// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.edition;

import org.neo4j.kernel.database.DatabaseReference;
import org.neo4j.kernel.database.DatabaseReferenceImpl;
import org.neo4j.kernel.database.DatabaseReferenceRepository;
import org.neo4j.kernel.database.MapCachingDatabaseReferenceRepository;
import org.neo4j.kernel.database.NamedDatabaseId;
import org.neo4j.kernel.database.NormalizedCatalogEntry;
import org.neo4j.kernel.database.NormalizedDatabaseName;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Resolves names of databases and aliases from one immutable snapshot of the system graph, replaced
 * as a whole after each commit. A lookup sees the state before a commit or the one after it, never
 * a mix.
 *
 * <p>Stands in for the kernel's own cache ({@code MapCachingDatabaseReferenceRepository}, 5.26),
 * which reads an alias and its target one after the other, without isolation, and can put an old
 * target back after it was told to forget.
 */
final class AliasTable extends MapCachingDatabaseReferenceRepository {
    private record Snapshot(
            Map<NormalizedDatabaseName, DatabaseReference> byName,
            Map<UUID, DatabaseReference> byUuid,
            Set<DatabaseReferenceImpl.Internal> all) {}

    private static final DatabaseReferenceImpl.Internal SYSTEM =
            new DatabaseReferenceImpl.Internal(
                    new NormalizedDatabaseName("system"),
                    NamedDatabaseId.NAMED_SYSTEM_DATABASE_ID,
                    true);

    private volatile DatabaseReferenceRepository source;
    private volatile Snapshot snapshot;

    @Override
    public void setDelegate(DatabaseReferenceRepository delegate) {
        source = delegate;
    }

    /**
     * Reads the system graph again; called after each commit, while that commit still holds its
     * lock.
     */
    @Override
    public synchronized void invalidateAll() {
        // The constructor of the superclass calls this before there is a source.
        if (source != null) snapshot = read(source);
    }

    private static Snapshot read(DatabaseReferenceRepository source) {
        var byName = new HashMap<NormalizedDatabaseName, DatabaseReference>();
        var byUuid = new HashMap<UUID, DatabaseReference>();
        var all = Set.copyOf(source.getInternalDatabaseReferences());
        for (var reference : all) {
            byName.put(reference.fullName(), reference);
            if (reference.isPrimary()) byUuid.put(reference.id(), reference);
        }
        byName.put(SYSTEM.fullName(), SYSTEM);
        byUuid.put(SYSTEM.id(), SYSTEM);
        return new Snapshot(byName, byUuid, all);
    }

    private Snapshot snapshot() {
        if (snapshot == null) invalidateAll();
        return snapshot;
    }

    @Override
    public Optional<DatabaseReference> getByAlias(NormalizedDatabaseName name) {
        // The system database must resolve before its own graph can be read.
        if (SYSTEM.fullName().equals(name)) return Optional.of(SYSTEM);
        return Optional.ofNullable(snapshot().byName.get(unquoted(name)));
    }

    /** A name with a dot may come in backticks. */
    private static NormalizedDatabaseName unquoted(NormalizedDatabaseName name) {
        var text = name.name();
        boolean quoted = text.length() > 2 && text.startsWith("`") && text.endsWith("`");
        return quoted ? new NormalizedDatabaseName(text.substring(1, text.length() - 1)) : name;
    }

    @Override
    public Optional<DatabaseReference> getByAlias(NormalizedCatalogEntry entry) {
        if (entry.compositeDb().isPresent()) return Optional.empty();
        return getByAlias(new NormalizedDatabaseName(entry.databaseAlias()));
    }

    @Override
    public Optional<DatabaseReference> getByUuid(UUID uuid) {
        if (SYSTEM.id().equals(uuid)) return Optional.of(SYSTEM);
        return Optional.ofNullable(snapshot().byUuid.get(uuid));
    }

    @Override
    public Set<DatabaseReference> getAllDatabaseReferences() {
        return Set.copyOf(snapshot().all);
    }

    @Override
    public Set<DatabaseReferenceImpl.Internal> getInternalDatabaseReferences() {
        return snapshot().all;
    }

    @Override
    public Set<DatabaseReferenceImpl.External> getExternalDatabaseReferences() {
        return Set.of();
    }

    @Override
    public Set<DatabaseReferenceImpl.Composite> getCompositeDatabaseReferences() {
        return Set.of();
    }
}
