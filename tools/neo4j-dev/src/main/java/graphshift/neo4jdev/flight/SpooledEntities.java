// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.neo4j.batchimport.api.InputIterable;
import org.neo4j.batchimport.api.InputIterator;
import org.neo4j.batchimport.api.input.IdType;
import org.neo4j.batchimport.api.input.InputChunk;
import org.neo4j.batchimport.api.input.InputEntityVisitor;
import org.neo4j.batchimport.api.input.Group;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The spooled puts of one kind as the batch importer reads them: each of its threads takes the next
 * batch and reads it into memory of its own, as often as it goes over the input.
 */
final class SpooledEntities implements InputIterable {
    /** What a row becomes beside its properties. */
    interface Row {
        void write(VectorSchemaRoot batch, int row, InputEntityVisitor visitor);
    }

    private final List<Path> files;
    private final EntityKind kind;
    private final Row row;
    private final BufferAllocator allocator;

    private SpooledEntities(
            List<Path> files, EntityKind kind, Row row, BufferAllocator allocator) {
        this.files = files;
        this.kind = kind;
        this.row = row;
        this.allocator = allocator;
    }

    static SpooledEntities nodes(
            List<Path> files, ImportSettings settings, Group group, BufferAllocator allocator) {
        Row row =
                (batch, index, visitor) -> {
                    var id = id(batch, "nodeId", index, settings.idType());
                    visitor.id(id, group);
                    visitor.property(settings.idProperty(), id);
                    var labels = ColumnValues.at(batch.getVector("labels"), index);
                    if (labels instanceof String[] many) visitor.labels(many);
                    else if (labels != null) visitor.labels(new String[] {labels.toString()});
                };
        return new SpooledEntities(files, EntityKind.NODE, row, allocator);
    }

    static SpooledEntities relationships(
            List<Path> files, ImportSettings settings, Group group, BufferAllocator allocator) {
        Row row =
                (batch, index, visitor) -> {
                    visitor.startId(id(batch, "sourceNodeId", index, settings.idType()), group);
                    visitor.endId(id(batch, "targetNodeId", index, settings.idType()), group);
                    var type = ColumnValues.at(batch.getVector("relationshipType"), index);
                    visitor.type(type == null ? "REL" : type.toString());
                };
        return new SpooledEntities(files, EntityKind.RELATIONSHIP, row, allocator);
    }

    private static Object id(VectorSchemaRoot batch, String column, int row, IdType idType) {
        var id = Objects.requireNonNull(ColumnValues.at(batch.getVector(column), row), column);
        return idType == IdType.STRING ? id.toString() : id;
    }

    @Override
    public InputIterator iterator() {
        return new Batches();
    }

    private final class Batches implements InputIterator {
        private int file;
        private int batch;

        @Override
        public InputChunk newChunk() {
            return new Chunk();
        }

        /** The file is looked into under the lock, the batch itself is read by the chunk's own thread. */
        @Override
        public synchronized boolean next(InputChunk chunk) throws IOException {
            var target = (Chunk) chunk;
            while (file < files.size()) {
                int batches = target.open(files.get(file));
                if (batch < batches) {
                    target.await(batch);
                    batch++;
                    return true;
                }
                file++;
                batch = 0;
            }
            return false;
        }

        @Override
        public void close() {}
    }

    private final class Chunk implements InputChunk {
        private final Map<String, FieldVector> properties = new LinkedHashMap<>();
        private Path path;
        private ArrowFileReader reader;
        private VectorSchemaRoot batch;
        private int wanted = -1;
        private int next;

        /** Batches of the file. */
        int open(Path file) throws IOException {
            if (file.equals(path)) return reader.getRecordBlocks().size();
            close();
            path = file;
            reader = new ArrowFileReader(FileChannel.open(file), allocator);
            batch = reader.getVectorSchemaRoot();
            for (var field : batch.getSchema().getFields()) {
                if (kind.isProperty(field.getName()))
                    properties.put(field.getName(), batch.getVector(field.getName()));
            }
            return reader.getRecordBlocks().size();
        }

        void await(int index) {
            wanted = index;
            next = 0;
        }

        @Override
        public boolean next(InputEntityVisitor visitor) throws IOException {
            if (wanted >= 0) {
                reader.loadRecordBatch(reader.getRecordBlocks().get(wanted));
                wanted = -1;
            }
            if (batch == null || next >= batch.getRowCount()) return false;
            row.write(batch, next, visitor);
            for (var property : properties.entrySet()) {
                var value = ColumnValues.at(property.getValue(), next);
                if (value != null) visitor.property(property.getKey(), value);
            }
            visitor.endOfEntity();
            next++;
            return true;
        }

        @Override
        public void close() throws IOException {
            properties.clear();
            if (reader != null) reader.close();
            reader = null;
            batch = null;
            path = null;
        }
    }
}
