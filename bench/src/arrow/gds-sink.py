"""A Flight server that speaks the import protocol of GDS and throws the rows away.

Prints `READY <port>` once it serves, and at the end of an import, which it never answers, `BUILT <JSON>`: the rows and
the bytes of their columns that came, by entity.
"""

import json
import threading

import pyarrow as pa
import pyarrow.flight as flight

ACTIONS = ["CREATE_DATABASE", "NODE_LOAD_DONE", "RELATIONSHIP_LOAD_DONE", "ABORT"]


class Sink(flight.FlightServerBase):
    def __init__(self, *values):
        super().__init__(*values)
        self.rows = {"node": 0, "relationship": 0}
        self.bytes = 0

    def list_actions(self, context):
        return [(f"v1/{action}", "") for action in ACTIONS]

    def do_action(self, context, action):
        if action.type == "v1/ABORT":
            raise flight.FlightServerError("import not found")
        name = json.loads(action.body.to_pybytes())["name"]
        answer = {"name": name}
        if action.type == "v1/NODE_LOAD_DONE":
            answer["node_count"] = self.rows["node"]
        if action.type == "v1/RELATIONSHIP_LOAD_DONE":
            print("BUILT " + json.dumps({**self.rows, "bytes": self.bytes}), flush=True)
            threading.Event().wait()
        yield flight.Result(json.dumps(answer).encode())

    def do_put(self, context, descriptor, reader, writer):
        entity = json.loads(descriptor.command)["body"]["entity_type"]
        while True:
            try:
                batch = reader.read_chunk().data
            except StopIteration:
                return
            self.rows[entity] += batch.num_rows
            self.bytes += batch.nbytes
            writer.write(pa.py_buffer(b""))


server = Sink("grpc://127.0.0.1:0")
print(f"READY {server.port}", flush=True)
server.serve()
