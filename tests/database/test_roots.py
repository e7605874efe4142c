"""Runs with many roots: the file grows linearly with their number."""

import json
from pathlib import Path

from store.stream.server import RedisServer
from tests.cli.test_cli import treetop
from tests.live import publish
from tests.recorder import Recorder
from tests.tables import query


def many(roots: int) -> Recorder:
    """A run with this many roots, each with one step."""
    recorder = Recorder(f"run-{roots}").run_started()
    for number in range(roots):
        recorder.root(f"{roots}-{number:06}", f"Item {number}").step(f"{roots}-{number:06}", "execute", after="FINISH")
    return recorder


def drain(server: RedisServer, db: Path, recorder: Recorder) -> None:
    publish(server, recorder.entries)
    assert treetop("ingest", "--drain", "--db", str(db), "--redis", server.url).returncode == 0


def test_checkpoints_grow_linearly_with_the_roots(redis_server: RedisServer, db: Path) -> None:
    for roots in (400, 1_600):
        drain(redis_server, db, many(roots))
    few, lots = query(
        db,
        "SELECT sum(length(c.data)) FROM checkpoint c JOIN run r ON r.key = c.run GROUP BY r.run_id ORDER BY r.first_seq",
    )
    assert lots[0] < 6 * few[0]


def test_views_list_the_roots_of_a_run(redis_server: RedisServer, db: Path) -> None:
    drain(redis_server, db, many(3).node("3-000000", "part").status("unseen", "READY"))
    ((first, roots),) = query(db, "SELECT root_node_id, roots FROM runs")
    assert (first, json.loads(roots)) == ("3-000000", ["3-000000", "3-000001", "3-000002"])
    (run,) = json.loads(treetop("runs", "--json", "--db", str(db)).stdout)
    assert (run["root"], run["root_count"]) == ("3-000000", 3)


def test_an_empty_id_in_an_inner_graph_creates_no_node(redis_server: RedisServer, db: Path) -> None:
    drain(redis_server, db, Recorder("r").root().built("root", ["a", "", "b"]))
    shown = json.loads(treetop("show", "r", "--json", "--db", str(db)).stdout)
    assert [node["id"] for node in shown["nodes"]] == ["root", "a", "b"]
    assert shown["counts"]["nodes"] == 3
