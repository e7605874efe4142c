"""No question to the file costs more than its answer: every query goes by an index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.reader import Reader
from tests.recorder import Recorder
from tests.tables import query, store

LARGE = {"event", "body", "node", "node_event", "edge", "e", "b", "n", "x"}
"""Tables that grow without bound, and their aliases."""


@pytest.fixture
async def plans(db: Path) -> AsyncIterator[dict[str, list[str]]]:
    """What SQLite does for each thing that a reader can be asked."""
    store(db, Recorder().whole().entries)
    asked: list[str] = []
    async with Reader(db) as reader:
        run = await reader.load("run")
        questions = {
            "runs": reader.runs(5),
            "count_runs": reader.count_runs(),
            "resolve": reader.resolve("run"),
            "latest": reader.resolve("latest"),
            "load": reader.load("run"),
            "generation": reader.generation(run.key),
            "events": reader.events(run.key, 3, 9),
            "tail": reader.tail(run.key, 3),
            "node_events": reader.node_events(run.key, "search", 1, 9),
            "subtree_positions": reader.subtree_positions(run.key, "root", after=3),
            "at_positions": reader.at_positions(run.key, [3, 5, 8]),
            "payload": reader.payload(7),
            "status_history": reader.status_history(run.key, "search"),
            "streams": reader.streams(),
            "gaps": reader.gaps(run.key),
            "all_gaps": reader.all_gaps(),
            "rejected": reader.rejected(),
            "rejected_data": reader.rejected_data(1),
        }
        await reader._db.set_trace_callback(asked.append)
        found = {}
        for name, question in questions.items():
            asked.clear()
            await question
            statements = [sql for sql in asked if sql not in ("BEGIN", "COMMIT") and not sql.startswith("--")]
            found[name] = [row[3] for sql in statements for row in query(db, f"EXPLAIN QUERY PLAN {sql}")]
        yield found


def test_no_query_reads_a_whole_table(plans: dict[str, list[str]]) -> None:
    for name, plan in plans.items():
        assert plan, name
        assert not [step for step in plan if step.startswith("SCAN ") and step.split()[1] in LARGE], name


@pytest.mark.parametrize(
    "name", ["all_gaps", "rejected", "events", "tail", "node_events", "at_positions", "status_history"]
)
def test_pages_are_read_in_order_not_sorted(plans: dict[str, list[str]], name: str) -> None:
    assert not [step for step in plans[name] if "TEMP B-TREE" in step]


def test_every_question_is_here(plans: dict[str, list[str]]) -> None:
    public = {name for name in vars(Reader) if not name.startswith("_")} - {"watch", "reopen"}
    assert public <= set(plans)
