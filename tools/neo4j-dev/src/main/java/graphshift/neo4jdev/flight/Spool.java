// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;

/**
 * One put on its way to a file of its own, batch by batch, so that memory holds one batch of each
 * put. Dictionaries are resolved, since an Arrow file has one for all its batches and a stream may
 * change them.
 */
final class Spool implements AutoCloseable {
    private final FlightStream stream;
    private final BufferAllocator allocator;
    private final boolean plain;
    private final VectorSchemaRoot root;
    private final FileChannel channel;
    private final ArrowFileWriter writer;

    Spool(Path path, FlightStream stream, BufferAllocator allocator) throws IOException {
        this.stream = stream;
        this.allocator = allocator;
        this.plain =
                stream.getSchema().getFields().stream()
                        .allMatch(field -> field.getDictionary() == null);
        this.root =
                plain
                        ? stream.getRoot()
                        : VectorSchemaRoot.create(resolved(stream.getRoot()), allocator);
        this.channel =
                FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        this.writer = new ArrowFileWriter(root, null, channel);
        writer.start();
    }

    /** Keeps the batch that the stream stands at. */
    void append() throws IOException {
        if (!plain) load();
        writer.writeBatch();
    }

    /** The file is whole only after this. */
    void finish() throws IOException {
        writer.end();
    }

    @Override
    public void close() throws IOException {
        if (!plain) root.close();
        channel.close();
    }

    private void load() {
        var vectors = new ArrayList<FieldVector>();
        var decoded = new ArrayList<FieldVector>();
        try {
            for (var vector : stream.getRoot().getFieldVectors()) {
                var encoding = vector.getField().getDictionary();
                if (encoding == null) {
                    vectors.add(vector);
                    continue;
                }
                var dictionary = stream.getDictionaryProvider().lookup(encoding.getId());
                var values = (FieldVector) DictionaryEncoder.decode(vector, dictionary, allocator);
                decoded.add(values);
                vectors.add(values);
            }
            var batch = new VectorSchemaRoot(root.getSchema().getFields(), vectors);
            batch.setRowCount(stream.getRoot().getRowCount());
            try (var message = new VectorUnloader(batch).getRecordBatch()) {
                new VectorLoader(root).load(message);
            }
        } finally {
            decoded.forEach(FieldVector::close);
        }
    }

    /** A column of a dictionary has in the root the type of its indices. */
    private Schema resolved(VectorSchemaRoot encoded) {
        var fields = new ArrayList<Field>();
        for (var field : encoded.getSchema().getFields()) {
            var encoding = field.getDictionary();
            if (encoding == null) {
                fields.add(field);
                continue;
            }
            var values = stream.getDictionaryProvider().lookup(encoding.getId()).getVector();
            var type = values.getField();
            fields.add(
                    new Field(
                            field.getName(),
                            FieldType.nullable(type.getType()),
                            type.getChildren()));
        }
        return new Schema(fields);
    }
}
