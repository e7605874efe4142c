"""`B` hides the events that repeat a plan, in every scope, with a filter, and in the past."""

from pathlib import Path

import pytest

from store.model.record import Match
from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import events_of, store
from tests.tui.run_stage import about, opened, position, timeline
from tests.tui.stage import LIVE, Clock, Feed, line_with, sees, treetop, until, watching
from tests.tui.test_filter import filtered, positions
from tui import format as fmt
from tui.app import Treetop
from tui.screens.run import RunScreen
from tui.theme import BOOKKEEPING, EVENTS

KEPT = Match(without=BOOKKEEPING)


def listed(app: Treetop) -> list[int]:
    """Positions of the events in the rows of the timeline."""
    pane = timeline(app)
    found = [pane._event(row) for row in range(pane.count)]
    return [one.position for one in found if one is not None]


def kept_at(app: Treetop, upto: int | None = None) -> list[int]:
    """Positions of the events of the run that are no bookkeeping, up to a position."""
    return [at for at in positions(app, KEPT) if upto is None or at <= upto]


def title(shown: int, hidden: int) -> str:
    return f"{fmt.counted(shown, 'event')}, {hidden} hidden"


def test_bookkeeping_is_of_known_types_that_report_no_errors() -> None:
    assert EVENTS.keys() > BOOKKEEPING
    assert all(EVENTS[kind][3] == "faint" for kind in BOOKKEEPING)


class TestScopes:
    """Task, subtree, run."""

    @pytest.mark.parametrize("size", [(80, 24), (140, 40)])
    async def test_the_events_of_a_run(self, book: Path, clock: Clock, size: tuple[int, int]) -> None:
        app = treetop(book, clock)
        async with watching(app, *size) as pilot:
            await opened(pilot, "b", "b")
            await sees(pilot, "Timeline of the run: 45 events")
            await pilot.press("B")
            wanted = kept_at(app)
            await sees(pilot, f"Timeline of the run: {title(len(wanted), 45 - len(wanted))}")
            await rest(pilot)
            assert listed(app) == wanted
            await pilot.press("B")
            await sees(pilot, "Timeline of the run: 45 events─")

    async def test_the_events_of_a_task(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "B")
            of_root = about(app, "root")
            await sees(pilot, " hidden")
            await rest(pilot)
            shown = listed(app)
            assert set(shown) <= {*kept_at(app)} & {*of_root}
            hidden = int(line_with(app, "3 Timeline").partition(" hidden")[0].split()[-1])
            assert hidden > 0
            await pilot.press("B")
            await sees(pilot, f"this task: {len(shown) + hidden} events─")

    async def test_the_events_of_a_subtree(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "B")
            wanted = [at for at in about(app, "root") if at in kept_at(app)]
            await sees(pilot, f"all beneath: {title(len(wanted), len(about(app, 'root')) - len(wanted))}")
            await rest(pilot)
            assert listed(app) == wanted

    async def test_a_task_with_nothing_else_says_how_to_show_it(self, here: Path, clock: Clock) -> None:
        made = Recorder().run_started().root("book").node("book", "one")
        store(Path("treetop.db"), made.entries)
        app = treetop(Path("treetop.db"), Clock(made.events[-1].time + 86_400.0))
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "j", "B")
            await sees(pilot, "this task: 0 events, 1 hidden", "All events of this task are hidden.", "B shows them.")


class TestElsewhere:
    """Filters, positions, growing runs and errors."""

    async def test_a_filter_by_words_counts_what_is_hidden(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "write")
            await pilot.press("enter")
            await rest(pilot)
            matching = listed(app)
            await pilot.press("B")
            kept = [at for at in matching if at in kept_at(app)]
            assert 0 < len(kept) < len(matching)
            await sees(pilot, f"{len(kept)} events that match, {len(matching) - len(kept)} hidden")
            await rest(pilot)
            assert listed(app) == kept

    async def test_a_filter_by_type_shows_bookkeeping_too(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "B")
            await filtered(pilot, "type:added")
            wanted = positions(app, Match(types=frozenset(("node_added", "edge_added"))))
            await sees(pilot, f"Timeline of the run: {len(wanted)} events that match─")

    async def test_at_every_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "B", "t")
            await sees(pilot, "PAST")
            await pilot.press("home")
            for at in range(1, 46):
                await rest(pilot) if at % 9 == 0 else await sees(pilot, f"event {at} of 45")
                wanted = kept_at(app, at)
                hidden = f", {at - len(wanted)} hidden" if at > len(wanted) else ""
                await sees(pilot, f"Timeline of the run: {fmt.counted(len(wanted), 'event')}{hidden}─")
                assert position(app) == wanted[-1]
                await pilot.press("right_square_bracket")

    async def test_while_a_run_grows(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 40)
        app = treetop(path, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "B")
            for _ in range(4):
                feed.more(30)
                wanted = kept_at(app)
                await sees(pilot, f"Timeline of the run: {title(len(wanted), feed.stored - len(wanted))}")
                await until(pilot, lambda: timeline(app).cursor == timeline(app).count - 1)
        feed.close()

    async def test_the_cursor_stays_on_its_event(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3", "G", "k", "k")
            await until(pilot, lambda: position(app) == 43)
            for _ in range(2):
                await pilot.press("B")
                await rest(pilot)
                assert position(app) == 43

    async def test_the_next_error_is_found_and_numbered(self, path: Path, clock: Clock) -> None:
        app = treetop(path, clock)
        found: list[list[int | None]] = []
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "3", "g")
            assert isinstance(app.screen, RunScreen)
            failed = [at for at, one in enumerate(events_of(app.path, app.screen.run_id), 1) if one.facts.failed]
            for _ in range(2):
                await rest(pilot)
                await pilot.press("g")
                seen = []
                for number in range(1, len(failed) + 1):
                    await pilot.press("e")
                    await sees(pilot, f"error {number} of {len(failed)}")
                    await rest(pilot)
                    seen.append(position(app))
                found.append(seen)
                await pilot.press("B")
        assert found == [failed, failed]
