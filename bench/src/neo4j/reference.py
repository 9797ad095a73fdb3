"""What people write to fill a Neo4j database by hand, with the official driver: UNWIND, or LOAD CSV.

usage: reference.py unwind|load-csv URL PASSWORD DATABASE SNAPSHOT SCRATCH SERVER_PID

Makes the database, fills it from a snapshot of the benchmark, drops it again, and prints one JSON line:
{"seconds", "clientCpu", "serverCpu", "rows", "peakMemory"}: of the load itself with its indexes, after the files were
found (and, for LOAD CSV, written as CSV), wall time and seconds of CPU; nodes and relationships in the database; bytes of
this process at its peak.
"""

import functools
import http.server
import json
import os
import pathlib
import resource
import sys
import threading
import time

import neo4j
import pyarrow.csv
import pyarrow.parquet

BATCH = 10_000

# Columns as the snapshot has them, with what turns CSV's text into the value.
NODES = {
    "Person": {"id": "{}", "name": "{}", "age": "toInteger({})", "score": "toFloat({})", "active": "toBoolean({})"},
    "Topic": {"id": "{}", "title": "{}", "views": "toInteger({})"},
}
RELATIONSHIPS = {
    "KNOWS": ("Person", "Person", {"since": "toInteger({})", "note": "{}"}),
    "FOLLOWS": ("Person", "Topic", {"since": "toInteger({})"}),
}


def node_body(label, convert):
    properties = ", ".join(f"{name}: {convert(text, name)}" for name, text in NODES[label].items())
    return f"CREATE (:{label} {{{properties}}})"


def relationship_body(kind, convert):
    start, end, columns = RELATIONSHIPS[kind]
    properties = ", ".join(f"{name}: {convert(text, name)}" for name, text in columns.items())
    return (
        f"MATCH (a:{start} {{id: row.source}}) MATCH (b:{end} {{id: row.target}}) "
        f"CREATE (a)-[:{kind} {{{properties}}}]->(b)"
    )


def make_indexes(session):
    for label in NODES:
        session.run(f"CREATE CONSTRAINT FOR (n:{label}) REQUIRE n.id IS UNIQUE").consume()
    session.run("CALL db.awaitIndexes(600)").consume()


def files(snapshot, kind, name):
    return sorted((snapshot / kind / name).glob("*.parquet"))


def unwind(session, snapshot):
    """One session, one transaction a batch of 10,000 rows as maps."""
    typed = lambda text, name: f"row.{name}"
    bodies = [("nodes", label, node_body(label, typed)) for label in NODES]
    bodies += [("relationships", kind, relationship_body(kind, typed)) for kind in RELATIONSHIPS]
    for kind, name, body in bodies:
        for path in files(snapshot, kind, name):
            for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=BATCH):
                rows = batch.to_pylist()
                session.execute_write(lambda tx: tx.run(f"UNWIND $rows AS row {body}", rows=rows).consume())


def write_csv(snapshot, scratch):
    for kind, names in (("nodes", NODES), ("relationships", RELATIONSHIPS)):
        for name in names:
            for index, path in enumerate(files(snapshot, kind, name)):
                source = pyarrow.parquet.ParquetFile(path)
                with pyarrow.csv.CSVWriter(scratch / f"{name}-{index}.csv", source.schema_arrow) as writer:
                    for batch in source.iter_batches():
                        writer.write_batch(batch)


def load_csv(session, snapshot, address):
    """The server reads the files itself, over HTTP from this machine."""
    converted = lambda text, name: text.format(f"row.{name}")
    bodies = [("nodes", label, node_body(label, converted)) for label in NODES]
    bodies += [("relationships", kind, relationship_body(kind, converted)) for kind in RELATIONSHIPS]
    for kind, name, body in bodies:
        for index, _ in enumerate(files(snapshot, kind, name)):
            session.run(
                f"LOAD CSV WITH HEADERS FROM $url AS row CALL (row) {{ {body} }} IN TRANSACTIONS OF {BATCH} ROWS",
                url=f"{address}/{name}-{index}.csv",
            ).consume()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve(directory):
    handler = functools.partial(Silent, directory=str(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def administer(driver, statement):
    with driver.session(database="system") as session:
        session.run(statement).consume()


def cpu_of(pid):
    """User and system time of a process so far, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(mode, url, password, database, snapshot, scratch, server):
    snapshot, scratch = pathlib.Path(snapshot), pathlib.Path(scratch)
    with neo4j.GraphDatabase.driver(url, auth=("neo4j", password)) as driver:
        administer(driver, f"CREATE DATABASE `{database}` WAIT")
        with driver.session(database=database) as session:
            if mode == "load-csv":
                write_csv(snapshot, scratch)
                address = serve(scratch)
            before = (time.monotonic(), time.process_time(), cpu_of(server))
            make_indexes(session)
            unwind(session, snapshot) if mode == "unwind" else load_csv(session, snapshot, address)
            after = (time.monotonic(), time.process_time(), cpu_of(server))
            nodes = session.run("MATCH (n) RETURN count(n)").single().value()
            relationships = session.run("MATCH ()-[r]->() RETURN count(r)").single().value()
        administer(driver, f"DROP DATABASE `{database}` DESTROY DATA WAIT")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    costs = dict(zip(("seconds", "clientCpu", "serverCpu"), (end - start for start, end in zip(before, after))))
    print(json.dumps({**costs, "rows": nodes + relationships, "peakMemory": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
