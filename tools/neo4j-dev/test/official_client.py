# SPDX-License-Identifier: GPL-3.0-only
"""Loads graphs through the official Python client, as its users do.

    python3 official_client.py PORT PASSWORD PREFIX

Prints one JSON document: what each step answered, or the class and first line of its error. The caller looks at the
databases over Bolt.
"""

import datetime
import json
import sys

import pyarrow as pa
from graphdatascience.arrow_client.arrow_authentication import UsernamePasswordAuthentication
from graphdatascience.arrow_client.authenticated_flight_client import AuthenticatedArrowClient
from graphdatascience.arrow_client.v1.gds_arrow_client import GdsArrowClient

port, password, prefix = int(sys.argv[1]), sys.argv[2], sys.argv[3]
client = AuthenticatedArrowClient(("127.0.0.1", port), auth=UsernamePasswordAuthentication("neo4j", password))
gds = GdsArrowClient(client)
said = {"token": bool(gds.request_token())}


def refused(what, call):
    try:
        call()
        said[what] = "no error"
    except Exception as error:
        said[what] = type(error).__name__ + ": " + str(error).splitlines()[0]


# Integer ids, several puts and batches, one after the other as the client sends them.
integers = prefix + "integers"
gds.create_database(integers, id_type="INTEGER", id_property="key", concurrency=4, high_io=True)
refused("create twice", lambda: gds.create_database(integers))
count = 2000
gds.upload_nodes(
    integers,
    pa.table(
        {
            "nodeId": range(count),
            "labels": pa.array([["A", "Even"] if value % 2 == 0 else ["A"] for value in range(count)]),
            "name": [f"n{value}" for value in range(count)],
            "half": [value / 2 for value in range(count)],
        }
    ),
    batch_size=500,
)
gds.upload_nodes(integers, pa.table({"nodeId": range(count, count + 10), "labels": ["Tail"] * 10, "flag": [True] * 10}))
one = pa.table({"sourceNodeId": [0], "targetNodeId": [1], "relationshipType": ["R"]})
refused("relationships too early", lambda: gds.upload_relationships(integers, one))
said["nodes"] = gds.node_load_done(integers).node_count
gds.upload_relationships(
    integers,
    pa.table(
        {
            "sourceNodeId": range(count - 1),
            "targetNodeId": range(1, count),
            "relationshipType": ["NEXT"] * (count - 1),
            "since": [2000 + value % 20 for value in range(count - 1)],
        }
    ),
)
said["relationships"] = gds.relationship_load_done(integers).relationship_count
refused("create what is there", lambda: gds.create_database(integers))

# String ids and every kind of value.
strings = prefix + "strings"
gds.create_database(strings, id_type="STRING", id_property="id", force=True)
moment = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
gds.upload_nodes(
    strings,
    pa.table(
        {
            "nodeId": ["a", "b", "c"],
            "labels": pa.array([["X"], ["X", "Y"], []], pa.list_(pa.string())),
            "small": pa.array([1, None, 3], pa.int32()),
            "day": [datetime.date(2024, 1, 2)] * 3,
            "zoned": pa.array([moment] * 3, pa.timestamp("us", "UTC")),
            "local": pa.array([datetime.datetime(2024, 5, 6)] * 3, pa.timestamp("ms")),
            "numbers": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
            "words": pa.array([["p"], ["q", "r"], []], pa.list_(pa.string())),
            "category": pa.array(["u", "v", None]).dictionary_encode(),
            "vector": pa.array([[0.5, 1.5]] * 3, pa.list_(pa.float32())),
        }
    ),
)
said["string nodes"] = gds.node_load_done(strings).node_count
gds.upload_relationships(
    strings,
    pa.table(
        {
            "sourceNodeId": ["a", "b"],
            "targetNodeId": ["b", "c"],
            "relationshipType": pa.array(["K", "L"]).dictionary_encode(),
        }
    ),
)
said["string relationships"] = gds.relationship_load_done(strings).relationship_count

# What does not become a database.
aborted = prefix + "aborted"
gds.create_database(aborted)
gds.upload_nodes(aborted, pa.table({"nodeId": [1], "labels": ["A"]}))
gds.abort(aborted)
refused("abort twice", lambda: gds.abort(aborted))
broken = prefix + "broken"
gds.create_database(broken)
gds.upload_nodes(broken, pa.table({"nodeId": [1, 2], "labels": ["A", "A"]}))
gds.node_load_done(broken)
gds.upload_relationships(broken, pa.table({"sourceNodeId": [1], "targetNodeId": [99], "relationshipType": ["R"]}))
refused("an end that is no node", lambda: list(client.do_action("v1/RELATIONSHIP_LOAD_DONE", {"name": broken})))

# The collector drops what is bad and says nothing.
tolerant = prefix + "tolerant"
gds.create_database(tolerant, use_bad_collector=True)
gds.upload_nodes(tolerant, pa.table({"nodeId": [1, 2, 2], "labels": ["A", "A", "A"]}))
said["tolerant nodes"] = gds.node_load_done(tolerant).node_count
gds.upload_relationships(
    tolerant, pa.table({"sourceNodeId": [1, 1], "targetNodeId": [99, 2], "relationshipType": ["R", "R"]})
)
said["tolerant relationships"] = gds.relationship_load_done(tolerant).relationship_count

stranger = AuthenticatedArrowClient(("127.0.0.1", port), auth=UsernamePasswordAuthentication("neo4j", "wrong-word"))
refused("wrong password", lambda: next(stranger.do_action("v1/ABORT", {"name": "any"})))
print(json.dumps(said))
