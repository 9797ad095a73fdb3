"""The sides of the put benchmark that are pyarrow's: the server, the batches, and the client beside ours.

    put.py serve                     a Flight server that throws rows away; prints `READY <port>`
    put.py write FILE SHAPE BATCHES  record batches of a shape; prints their messages' bytes, as JSON
    put.py put PORT FILE BATCHES STREAMS

Shapes are `N-bytes`, one column of so many bytes a batch, and `N-nodes`, so many rows of nodes. The server answers each
batch, as GDS does. `put` sends so many batches of the file, in turns, over so many connections, and prints what it took, as
JSON; it writes without waiting for answers, which a thread of its own reads. The batches stand in memory, and a warm-up has
gone over the same connections, before the clock starts.
"""

import json
import random
import sys
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight

WARM_UP_BYTES = 64 * 2**20
SINK = flight.FlightDescriptor.for_path("sink")


class Sink(flight.FlightServerBase):
    def do_put(self, context, descriptor, reader, writer):
        while True:
            try:
                reader.read_chunk()
            except StopIteration:
                return
            writer.write(pa.py_buffer(b"taken"))


def serve():
    server = Sink("grpc://127.0.0.1:0")
    print(f"READY {server.port}", flush=True)
    server.serve()


def batch(shape, number):
    size, _, kind = shape.partition("-")
    rows = int(size)
    dice = random.Random(number)
    if kind == "bytes":
        return pa.record_batch({"payload": pa.array(memoryview(dice.randbytes(rows)).cast("q"), pa.int64())})
    ids = range(number * rows, (number + 1) * rows)
    return pa.record_batch(
        {
            "nodeId": pa.array([f"p{value}" for value in ids]),
            "labels": pa.array([["Person"]] * rows),
            "name": pa.array([f"Person number {value}" for value in ids]),
            "age": pa.array([dice.randrange(90) for _ in ids]),
            "score": pa.array([dice.random() for _ in ids]),
            "active": pa.array([value % 7 > 0 for value in ids]),
        }
    )


def write(path, shape, count):
    batches = [batch(shape, number) for number in range(int(count))]
    with pa.ipc.new_file(path, batches[0].schema) as writer:
        for one in batches:
            writer.write_batch(one)
    print(json.dumps([pa.ipc.get_record_batch_size(one) for one in batches]))


def put(port, path, count, streams):
    source = pa.ipc.open_file(path)
    batches = [source.get_batch(number) for number in range(source.num_record_batches)]
    size = pa.ipc.get_record_batch_size(batches[0])
    clients = [flight.connect(f"grpc://127.0.0.1:{port}") for _ in range(int(streams))]
    put_all(clients, batches, max(1, WARM_UP_BYTES // size // len(clients)))
    before, cpu_before = time.monotonic(), time.process_time()
    put_all(clients, batches, int(count) // len(clients))
    seconds, cpu = time.monotonic() - before, time.process_time() - cpu_before
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu}))


def put_all(clients, batches, count):
    threads = [threading.Thread(target=put_one, args=(client, batches, count)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def put_one(client, batches, count):
    writer, reader = client.do_put(SINK, batches[0].schema)

    def read_answers():
        for _ in range(count):
            assert reader.read() is not None

    answers = threading.Thread(target=read_answers)
    answers.start()
    for number in range(count):
        writer.write_batch(batches[number % len(batches)])
    writer.done_writing()
    answers.join()
    writer.close()


if __name__ == "__main__":
    {"serve": serve, "write": write, "put": put}[sys.argv[1]](*sys.argv[2:])
