"""A pyarrow Flight server that does what its tests ask for.

    python3 server.py [--password P] [--certificate CERT --key KEY] [--limit BYTES]

Prints `READY <port>` once it serves. With a password every call needs basic credentials of the user `tester`, or a
bearer token of this server. The command of a put is JSON:

    {"do": "take", "file": PATH, "names": {...}}  compares each batch with that of the IPC file, columns renamed
    {"do": "sink"}                  takes everything
    {"do": "gate"}                  takes a batch whenever the action `allow` has let one in
    {"do": "fail", "after": N}      takes N batches, then answers with an error
    {"do": "leave", "after": N}     takes N batches, then ends well
    {"do": "die", "after": N}       takes N batches, then is killed
    "silent": true                  answers no batch
"""

import argparse
import base64
import json
import os
import secrets
import signal
import threading

import pyarrow as pa
import pyarrow.flight as flight

parser = argparse.ArgumentParser()
parser.add_argument("--password")
parser.add_argument("--certificate")
parser.add_argument("--key")
arguments = parser.parse_args()


class Nobody(flight.ServerAuthHandler):
    """Lets a Handshake pass; the headers decide."""

    def authenticate(self, outgoing, incoming):
        pass

    def is_valid(self, token):
        return "tester"


class Tokens(flight.ServerMiddlewareFactory):
    def __init__(self):
        self.valid = set()
        self.refused = 0
        self.basic = 0

    def start_call(self, info, headers):
        kind, _, value = next(
            (values[0] for name, values in headers.items() if name.lower() == "authorization"), ""
        ).partition(" ")
        if kind == "Basic" and base64.b64decode(value).decode() == f"tester:{arguments.password}":
            self.basic += 1
            token = secrets.token_hex(8)
            self.valid.add(token)
            return Answer(token)
        if kind == "Bearer" and value in self.valid:
            return None
        self.refused += 1
        raise flight.FlightUnauthenticatedError("who are you?")


class Answer(flight.ServerMiddleware):
    def __init__(self, token):
        super().__init__()
        self.token = token

    def sending_headers(self):
        return {"authorization": f"Bearer {self.token}"}


class Server(flight.FlightServerBase):
    def __init__(self, tokens, **options):
        super().__init__("grpc+tls://127.0.0.1:0" if arguments.certificate else "grpc://127.0.0.1:0", **options)
        self.tokens = tokens
        self.gate = threading.Semaphore(0)
        self.report = {}

    def list_actions(self, context):
        return [("allow", "lets batches into a gate"), ("report", "what the last put was")]

    def do_action(self, context, action):
        body = action.body.to_pybytes()
        if action.type == "echo":
            yield flight.Result(body)
        elif action.type == "count":
            for number in range(int(body)):
                yield flight.Result(str(number).encode())
        elif action.type == "allow":
            self.gate.release(int(body))
            yield flight.Result(b"")
        elif action.type == "expire":
            self.tokens.valid.clear()
            yield flight.Result(b"")
        elif action.type == "report":
            calls = {"basic": self.tokens.basic, "refused": self.tokens.refused}
            yield flight.Result(json.dumps({**self.report, **calls}).encode())
        elif action.type == "wait":
            self.gate.acquire()
            yield flight.Result(b"")
        else:
            raise flight.FlightServerError(f"no action {action.type}")

    def do_put(self, context, descriptor, reader, writer):
        wanted = json.loads(descriptor.command)
        rows = batches = 0
        expected = None
        differs = None
        if wanted["do"] == "take":
            source = pa.ipc.open_file(wanted["file"])
            names = [wanted["names"].get(name, name) for name in source.schema.names]
            expected = [source.get_batch(n).rename_columns(names) for n in range(source.num_record_batches)]
        self.report = {"ended": False}
        while True:
            if batches == wanted.get("after", -1):
                if wanted["do"] == "fail":
                    raise flight.FlightServerError("the disk is full")
                if wanted["do"] == "leave":
                    return
                os.kill(os.getpid(), signal.SIGKILL)
            if wanted["do"] == "gate":
                self.gate.acquire()
            try:
                batch = reader.read_chunk().data
            except StopIteration:
                break
            if expected is not None and not batch.equals(expected[batches]):
                differs = batches
            rows += batch.num_rows
            batches += 1
            if not wanted.get("silent"):
                writer.write(pa.py_buffer(str(batches).encode()))
        same = expected is not None and differs is None and batches == len(expected)
        schema = [f"{field.name}: {field.type}" for field in reader.schema]
        self.report = {"ended": True, "rows": rows, "batches": batches, "same": same, "schema": schema}


tokens = Tokens()
options = {}
if arguments.password:
    options.update(auth_handler=Nobody(), middleware={"tokens": tokens})
if arguments.certificate:
    with open(arguments.certificate, "rb") as certificate, open(arguments.key, "rb") as key:
        options.update(tls_certificates=[(certificate.read(), key.read())])
server = Server(tokens, **options)
print(f"READY {server.port}", flush=True)
server.serve()
