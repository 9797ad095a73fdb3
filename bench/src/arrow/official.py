"""Builds a database from Parquet files as users of the official Python client do.

usage: official.py FLIGHT_PORT BOLT_URL PASSWORD DATABASE SNAPSHOT SERVER_PID

Each label and type is read as one table and uploaded, as the client's upload_nodes and upload_relationships take it. Drops the
database at the end, and prints one JSON line: {"seconds", "clientCpu", "serverCpu", "rows", "peakMemory", "steps"}: from the first file to the database that is
online, wall time and seconds of CPU, without the start of Python and its imports; nodes and relationships that the server
counted; bytes of this process at its peak; seconds of each step.
"""

import json
import os
import pathlib
import resource
import sys
import time

import neo4j
import pyarrow.parquet
from graphdatascience.arrow_client.arrow_authentication import UsernamePasswordAuthentication
from graphdatascience.arrow_client.authenticated_flight_client import AuthenticatedArrowClient
from graphdatascience.arrow_client.v1.gds_arrow_client import GdsArrowClient

# The client would give up after 30 s, while the server is building, and ask again.
BUILD_SECONDS = 3600


def upload(snapshot, kind, names, put):
    for folder in sorted((snapshot / kind).iterdir()):
        table = pyarrow.parquet.read_table(folder, partitioning=None)
        put(table.rename_columns([*names, *table.column_names[len(names) :]]))


def cpu_of(pid):
    """User and system time of a process so far, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(port, url, password, database, snapshot, server):
    snapshot = pathlib.Path(snapshot)
    auth = UsernamePasswordAuthentication("neo4j", password)
    client = AuthenticatedArrowClient(
        ("127.0.0.1", int(port)), auth=auth, arrow_client_options={"call_timeout": BUILD_SECONDS}
    )
    gds = GdsArrowClient(client)
    now = lambda: (time.monotonic(), time.process_time(), cpu_of(server))
    before = now()
    gds.create_database(database, id_type="STRING", id_property="id")
    upload(snapshot, "nodes", ["nodeId", "labels"], lambda table: gds.upload_nodes(database, table))
    nodes = gds.node_load_done(database).node_count
    ends = ["sourceNodeId", "targetNodeId", "relationshipType"]
    upload(snapshot, "relationships", ends, lambda table: gds.upload_relationships(database, table))
    sent = time.monotonic()
    relationships = gds.relationship_load_done(database).relationship_count
    after = now()
    with neo4j.GraphDatabase.driver(url, auth=("neo4j", password)) as driver:
        driver.execute_query(f"DROP DATABASE `{database}` DESTROY DATA WAIT", database_="system")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    costs = dict(zip(("seconds", "clientCpu", "serverCpu"), (end - start for start, end in zip(before, after))))
    print(json.dumps({**costs, "rows": nodes + relationships, "peakMemory": peak, "steps": {"read and send": sent - before[0], "import": after[0] - sent}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
