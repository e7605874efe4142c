"""What is looked at in one run, without a terminal: position, selection, scope, filter, search and follow."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.database.reader import Reader
from store.database.writer import Writer
from store.errors import RunUnknown
from store.model.target import parse
from tests.recorder import Recorder
from tests.tables import store
from tests.tui.stage import Clock
from tui.models.event_filter import parse_match
from tui.models.snapshot import EventCursor
from tui.session.picture import Picture
from tui.session.session import Session

P = Path("treetop.db")


def chapters() -> Recorder:
    """A book of two chapters; the second one is being written after an error."""
    made = Recorder().root("book", "Write a book").node("book", "one", "Write one").node("book", "two", "Write two")
    made.llm("two", error="timeout").status("one", "READY").status("two", "READY")
    return made.step_started("two", "Write two")


@asynccontextmanager
async def opened(made: Recorder, follow: bool = False) -> AsyncIterator[Session]:
    """A session on a run that ends with these events."""
    store(P, made.entries)
    async with Reader(P) as reader:
        session = Session(reader, "run", Clock(made.events[-1].time + 1.0), follow)
        await session.open()
        yield session


async def picture(session: Session) -> Picture:
    """What a screen of 20 lines shows, with the cursor of its timeline on the first row."""
    async with session.moment.reader.snapshot():
        await session.refresh()
        await session.follow_work()
        rows = session.tree.outline.rows(0, 20)
        return await session.read([row.node for row in rows], EventCursor)


def listed(shown: Picture) -> list[int]:
    """Positions of the events that a fresh timeline lists."""
    assert shown.events is not None
    assert shown.events.fresh
    return [stored.position for stored in shown.events.events][: shown.events.count]


async def test_the_first_picture_has_the_end_of_the_run(here: Path) -> None:
    async with opened(chapters()) as session:
        shown = await picture(session)
        assert {node.node_id for node in shown.tree.nodes.values()} == {"book", "one", "two"}
        assert (shown.header.run.events, shown.header.place, shown.playback) == (session.moment.end, "live", None)
        assert listed(shown) == [3, 4, 5, 7, 8]  # the events that name the task at work


async def test_all_parts_of_a_picture_are_at_the_position(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.seek(2)
        shown = await picture(session)
        assert {node.node_id for node in shown.tree.nodes.values()} == {"book", "one"}
        assert (shown.header.run.events, shown.header.place) == (2, "past")
        assert shown.playback is not None
        assert (shown.playback.position, shown.playback.nodes, shown.playback.total) == (2, 2, session.moment.end)
        assert listed(shown) == [1, 2]


async def test_time_travel_follows_and_its_end_restores_scope_and_follow(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.events.scope = "subtree"
        session.seek(session.moment.end)
        assert (session.follow, session.events.scope) == (True, "run")
        session.step(-2)
        await picture(session)
        assert session.node is not None
        assert session.node.node_id == "one"
        session.seek(None)
        assert (session.follow, session.events.scope) == (False, "subtree")


@pytest.mark.parametrize(("text", "position"), [("50%", 4), ("start", 0), ("end", 8), ("2", 2), ("999", 8)])
async def test_a_target_is_sought_from_the_position(here: Path, text: str, position: int) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.seek(await session.resolve(parse(text)))
        shown = await picture(session)
        assert shown.header.run.events == position


async def test_the_selection_survives_another_picture_and_a_move_in_time(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.tree.select(1)
        shown = await picture(session)
        assert session.node is not None
        assert (session.node.node_id, listed(shown)) == ("one", [2, 6])
        session.seek(4)
        session.follow = False
        await picture(session)
        assert session.tree.selected == 1


async def test_a_following_session_selects_the_node_at_work(here: Path) -> None:
    async with opened(chapters(), follow=True) as session:
        shown = await picture(session)
        assert session.node is not None
        assert (session.node.node_id, shown.header.place) == ("two", "following")


async def test_a_filter_leaves_the_matching_events_of_the_scope(here: Path) -> None:
    async with opened(chapters()) as session:
        session.events.scope = "run"
        session.events.match = parse_match("type:error")
        shown = await picture(session)
        assert listed(shown) == [5]
        assert session.events.title == "3 Timeline of the run: 1 event that matches"


async def test_rows_are_pending_from_a_change_of_scope_until_they_are_read(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        assert session.pending_events is None
        session.events.widen()
        pending = session.pending_events
        assert pending is not None
        shown = await picture(session)
        assert shown.events is not None
        assert (shown.events.identity, session.pending_events) == (pending, None)


async def test_an_event_is_gone_to_whatever_is_being_read(here: Path) -> None:
    """As when a click selects a task, and the next one goes to an event of it while the task's events are read."""
    async with opened(chapters()) as session:
        two = 2
        target = listed(await picture(session))[-1]
        turns, met = 0, 0
        while not met:
            session.tree.select(0)
            await picture(session)
            session.tree.select(two)
            reading = asyncio.ensure_future(picture(session))
            for _ in range(turns):
                await asyncio.sleep(0)
            met = reading.done()
            session.events.go_to(target, "node")
            drawn = [(await reading).events, (await picture(session)).events]
            assert session.events.settled
            last = [rows for rows in drawn if rows is not None and rows.fresh][-1]
            assert last.row is not None, turns
            assert last.events[last.row].position == target
            turns += 1
        assert turns > 5


async def test_a_search_finds_nodes_in_the_order_of_the_tree(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.tree.select(0)
        session.search.text = "write"
        await session.search.refresh()
        assert [session.search.next(step) for step in (1, -1)] == [1, 2]
        assert session.search.summary == ", 1 of 3 that match"


async def test_an_error_is_found_in_the_tree_and_in_time(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        session.tree.select(0)
        assert await session.finder.with_errors(1) == (2, 1, 1, False)
        session.seek(1)
        await session.next_in_time("failed", 1)
        assert session.travel.position == 5


async def test_a_run_that_ends_is_reported_once(here: Path) -> None:
    made = chapters()
    async with opened(made) as session:
        assert not (await picture(session)).ended
        stored = len(made.entries)
        with Writer(P) as writer:
            writer.append(made.run_finished().entries[stored:])
        assert [(await picture(session)).ended for _ in range(2)] == [True, False]


async def test_a_deleted_run_keeps_its_last_state(here: Path) -> None:
    async with opened(chapters()) as session:
        await picture(session)
        delete_run(P, "run")
        with pytest.raises(RunUnknown):
            await picture(session)
        assert (session.deleted, session.header().place, session.pending_events) == (True, "deleted", None)


def test_a_session_loads_no_textual() -> None:
    code = "import sys, tui.session.session, tui.session.inspection; print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
