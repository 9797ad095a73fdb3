"""Writes Arrow IPC: python3 write.py FILE ROWS BATCHES [stream|file|wide]. Ids are text, `note` has nulls."""

import random
import sys

import pyarrow as pa

path, rows, batches, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def batch(number):
    if kind == "wide":
        payload = random.Random(number).randbytes(64 * rows)
        return pa.record_batch({"payload": pa.FixedSizeBinaryArray.from_buffers(pa.binary(64), rows, [None, pa.py_buffer(payload)])})
    ids = range(number * rows, (number + 1) * rows)
    return pa.record_batch(
        {
            "id": pa.array([f"n{value}" for value in ids]),
            "labels": pa.DictionaryArray.from_arrays(
                pa.array([index % (number + 2) for index in range(rows)], pa.int32()),
                ["Person"] + [f"Person,Group{group}" for group in range(number + 1)],
            ),
            "score": pa.array([value * 0.5 for value in ids]),
            "note": pa.array([None if value % 3 else f"é{value}" for value in ids]),
            "tags": pa.array([[int(value), 1] for value in ids], pa.list_(pa.int64())),
        },
        schema=pa.schema(
            [
                pa.field("id", pa.string(), metadata={"kept": "yes"}),
                ("labels", pa.dictionary(pa.int32(), pa.string())),
                ("score", pa.float64()),
                ("note", pa.string()),
                ("tags", pa.list_(pa.int64())),
            ],
            metadata={"of": "the schema"},
        ),
    )


first = batch(0)
options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=kind != "stream")
new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
with new(path, first.schema, options=options) as writer:
    for number in range(batches):
        writer.write_batch(batch(number))
