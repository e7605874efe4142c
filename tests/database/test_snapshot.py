"""Reads in one snapshot see one position, although an event is stored before each statement of the reader."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from store.database.moment import Moment
from store.database.reader import Reader
from store.model.document import counts_document, edge_document, moment_document, node_document, run_document
from store.model.entry import Entry
from store.model.fold import fold
from store.model.phase import latest_time
from store.model.state import Node, RunState, empty
from tests.interloper import Interloper, interleave, save
from tests.recorder import entry_of, events_of
from tests.tables import state_of, store
from tui.demo import Scenario, simulate

FIRST = 144
"""Events stored before the reader begins. The next ones finish nodes."""


@pytest.fixture
def entries() -> list[Entry]:
    """Entries of one run with 1,100 events and 60 nodes."""
    published = simulate(Scenario(seed=5, nodes=60, depth=4))
    return [entry_of(event.body, number) for number, event in enumerate(published, 1)]


def folded(entries: list[Entry], position: int) -> RunState:
    """Fold of the first events."""
    events = events_of(entries[:position])
    return fold(empty(events[0].run_id or ""), events)


def documented(state: RunState, stored: int | None) -> dict[str, Any]:
    """The JSON document of a folded run. `stored`: number of stored events if the run is in the past."""
    children: dict[str | None, list[Node]] = {}
    for node in state.nodes.values():
        children.setdefault(node.outer, []).append(node)
    nodes: list[dict[str, Any]] = []

    def add(outer: str | None, depth: int) -> None:
        for node in children.get(outer, ()):
            nodes.append(node_document(node, depth))
            add(node.node_id, depth + 1)

    add(None, 0)
    edges = [edge_document(edge) for edge in state.edges.values()]
    run = state.run
    return {
        "run": run_document(run, time.time() if stored is None else latest_time(run)),
        "at": None if stored is None else moment_document(run, stored),
        "nodes": nodes,
        "edges": edges,
        "counts": counts_document(run, 0),
    }


def treetop(path: Path, entries: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command while events are stored."""
    command = [sys.executable, "-m", "tests.interloper", str(path), str(entries), *arguments, "--db", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.parametrize("at", [(), ("--at", "120"), ("--at", "90%")], ids=["now", "an event", "a part"])
def test_show_prints_a_run_at_one_position(tmp_path: Path, entries: list[Entry], at: tuple[str, ...]) -> None:
    path, rest = tmp_path / "events.db", tmp_path / "entries"
    store(path, entries[:FIRST])
    save(rest, entries[FIRST:])
    done = treetop(path, rest, "show", "latest", "--json", *at)
    shown = json.loads(done.stdout)
    position = shown["run"]["events"]
    assert int(done.stderr.split()[0]) > 5
    assert position == 120 if at == ("--at", "120") else position >= 0.9 * FIRST
    assert (shown["at"] is None) == (not at)
    assert shown == documented(folded(entries, position), shown["at"] and shown["at"]["of"])
    assert shown["run"]["finished"] == sum(node["status"] == "FINISH" for node in shown["nodes"])


def test_show_counts_the_nodes_that_it_prints(tmp_path: Path, entries: list[Entry]) -> None:
    path, rest = tmp_path / "events.db", tmp_path / "entries"
    store(path, entries[:FIRST])
    save(rest, entries[FIRST:])
    lines = treetop(path, rest, "show", "latest").stdout.splitlines()
    finished = sum("✓" in line for line in lines[3:])
    assert f"{finished}/{len(lines) - 3} tasks finished" in lines[1]


@pytest.mark.parametrize("back", [None, 0, 1, 60], ids=["now", "at the end", "before the end", "in the past"])
async def test_run_nodes_and_edges_of_a_moment_are_of_one_position(
    db: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch, back: int | None
) -> None:
    store(db, entries[:FIRST])
    interloper = Interloper(db, entries[FIRST:])
    monkeypatch.setattr(Reader, "in_thread", interleave(interloper))
    async with Reader(db) as reader:
        moment = Moment(reader, folded(entries, 1).run.run_id)
        await moment.load()
        positions = []
        for _ in range(20):
            moment.seek(None if back is None else moment.end - back)
            async with reader.snapshot():
                await moment.refresh()
                assert await state_of(moment) == folded(entries, moment.run.events)
                assert moment.end == (await reader.find(moment.run_id)).run.events
                assert (moment.position is None) == (back is None)
            positions.append(moment.run.events)
    assert len(set(positions)) == 20
    interloper.close()


async def test_nodes_read_after_the_refresh_are_of_its_position(
    db: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while other tasks read nodes and go to other positions."""
    store(db, entries[:FIRST])
    interloper = Interloper(db, entries[FIRST:])
    monkeypatch.setattr(Reader, "in_thread", interleave(interloper))
    async with Reader(db) as reader:
        moment = Moment(reader, folded(entries, 1).run.run_id)
        await moment.load()

        async def visit(position: int) -> None:
            moment.seek(position)
            await moment.refresh()

        async def check() -> None:
            there = moment.run.events
            found = await moment.nodes(range(moment.horizon))
            assert {node.node_id: node for node in found.values()} == folded(entries, there).nodes

        for position in range(12, FIRST, 12):
            await visit(position)
            await asyncio.gather(check(), visit(FIRST - position), check(), check())
    interloper.close()
