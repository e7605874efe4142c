"""Time travel: walking back through a run by keys and by the mouse, and seeing exactly what there was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.events import MouseMove
from textual.pilot import Pilot
from textual.widgets import Input

from store import listing
from store.deletion import delete_run
from store.errors import FileBusy
from store.fold import fold
from store.history import RunHistory
from store.state import Node, RunState, empty
from store.writer import Writer
from tests.recorder import Recorder
from tests.rest import rest
from tests.tables import events_of, store
from tests.tui.run_stage import focused, inspector, opened, position, selected, timeline, tree
from tests.tui.stage import (
    LIVE,
    OPEN,
    Clock,
    Feed,
    faults,
    line_with,
    lines,
    rows_of,
    sees,
    shown,
    store_run,
    treetop,
    until,
    watching,
)
from tests.tui.test_playbar import mouse
from tui import format as fmt
from tui.app import Treetop
from tui.models import summary
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.text import clean
from tui.theme import Glyphs, node_mark
from tui.widgets.playbar import Playbar
from tui.widgets.run_header import RunHeader

GLYPHS = Glyphs()


def bar(app: Any) -> Playbar:
    found: Playbar = app.screen.query_one(Playbar)
    return found


def travelling(app: Treetop) -> bool:
    return bar(app).display


def is_there(app: Any, position: int) -> bool:
    """Is the screen at this position?"""
    run = app.screen.query_one(RunHeader).run
    return bar(app).position == position and run is not None and run.events == position


async def gone(pilot: Pilot[Any], position: int) -> None:
    """Wait until the screen is at this position."""
    await until(pilot, lambda: is_there(pilot.app, position))


async def seek(pilot: Pilot[Any], text: str) -> None:
    """Type where to go."""
    await pilot.press("T")
    await until(pilot, lambda: focused(pilot.app) == "seek")  # type: ignore[arg-type]
    await pilot.press(*text, "enter")


def then(app: Treetop, position: int) -> RunState:
    """The run as its first events make it."""
    assert isinstance(app.screen, RunScreen)
    run_id = app.screen.run_id
    return fold(empty(run_id), events_of(app.path, run_id)[:position])


def in_order(state: RunState) -> Iterator[Node]:
    """The nodes in the order of the tree."""
    inside: dict[str | None, list[Node]] = {}
    for node in state.nodes.values():
        inside.setdefault(node.outer, []).append(node)
    waiting = inside.get(None, [])[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += inside.get(node.node_id, [])[::-1]


def is_shown(app: Treetop, position: int) -> bool:
    """Does the screen show the run as it was then: header, tree, and how many events there were?"""
    state = then(app, position)
    run, said = state.run, lines(app)[1]
    wanted = [
        "PAST",
        f"{fmt.count(run.finished)}/{fmt.count(run.nodes)} nodes",
        f"{run.llm_calls} llm",
        f"{run.tool_calls} tool",
        f"{summary.tokens(run.tokens_in, run.tokens_out)} tok",
        fmt.counted(run.events, "event"),
        f"step {run.steps}",
        *([fmt.counted(run.errors + run.aborted, "error")] if run.errors + run.aborted else []),
    ]
    if not all(text in said for text in wanted) or f"2 Tree: {fmt.counted(run.nodes, 'node')}" not in shown(app):
        return False
    nodes, rows = list(in_order(state)), rows_of(tree(app))
    if tree(app).count != len(nodes):
        return False
    for node, row in zip(nodes, rows, strict=False):
        goal = clean(node.wording or "")[:8] or "(not announced"
        if f"{GLYPHS(node_mark(node)[0])} " not in row or goal not in row:
            return False
    return f"Timeline of the run: {fmt.counted(position, 'event')}" in shown(app) and timeline(app).count == position


def is_told(app: Treetop, position: int) -> bool:
    """Does the inspector tell of the selected node as it was then, and of nothing where there was none?"""
    chosen, said = selected(app), inspector(app)
    if chosen is None:
        return not said.strip()
    node = then(app, position).nodes[chosen]
    return f"status     {node.status or 'unknown'}" in said and clean(node.wording or "")[:20] in said


@pytest.fixture
def journey(here: Path) -> Path:
    """A file with one run that ended with nodes left open."""
    store_run(Path("treetop.db"), OPEN)
    return Path("treetop.db")


class TestTheLaw:
    """Wherever one goes, the screen shows what the events up to there say."""

    async def test_by_number(self, journey: Path, clock: Clock) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            end = len(events_of(journey, app.screen.run_id))  # type: ignore[attr-defined]
            for position in (end, 1, end // 2, 7, end - 1, 2, end // 3, 100, 0, 33):
                await seek(pilot, str(position))
                await gone(pilot, position)
                await rest(pilot)
                assert is_shown(app, position)
                assert is_told(app, position)
                assert faults(app) == []

    async def test_event_by_event(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            for position in range(1, 46):
                await until(pilot, lambda: is_shown(app, position))  # noqa: B023
                await pilot.press("]")
            for position in range(45, -1, -1):
                await until(pilot, lambda: is_shown(app, position))  # noqa: B023
                await pilot.press("[")
            await pilot.press("[")
            await gone(pilot, 0)

    async def test_when_keys_come_faster_than_the_file_is_read(self, journey: Path, clock: Clock) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            for _ in range(40):
                app.simulate_key("right_square_bracket")
            for _ in range(9):
                app.simulate_key("left_square_bracket")
            await gone(pilot, 32)
            await until(pilot, lambda: is_shown(app, 32))

    async def test_in_an_order_in_which_nodes_move(self, here: Path, clock: Clock) -> None:
        made = Recorder().root("book").step_started("deep", "Go deep").node("book", "a").node("b", "deep").node("a", "b")
        made.node("book", "b").node("a", "c").status("deep", "READY").run_finished()
        store(Path("treetop.db"), made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            for position in (9, 5, 3, 6, 2, 4, 8, 1, 7):
                await seek(pilot, str(position))
                await until(pilot, lambda: is_shown(app, position))  # noqa: B023


class TestKeys:
    """`t` begins it, and then there are keys of its own."""

    async def test_t_begins_at_the_end_and_shows_the_bar(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot)
            assert not travelling(app)
            await pilot.press("t")
            await sees(pilot, "PAST", "PAUSED", "event 45 of 45")
            assert travelling(app)

    async def test_the_timeline_is_at_its_end_then_also_where_it_was_of_the_run_before(
        self, book: Path, clock: Clock
    ) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "b", "b")
            await sees(pilot, "Timeline of the run: 45 events")
            await pilot.press("t")
            await until(pilot, lambda: position(app) == 45)

    async def test_t_in_the_timeline_begins_at_the_event_under_the_cursor(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "G", "3", "g", "j", "j")
            await until(pilot, lambda: (position(app) or 0) > 3)
            wanted = position(app) or 0
            await pilot.press("t")
            await gone(pilot, wanted)
            await until(pilot, lambda: is_shown(app, wanted) and position(app) == wanted)
            assert focused(app) == "timeline"
            await pilot.press("t")
            await until(pilot, lambda: not travelling(app))

    async def test_and_in_the_tree_at_the_end_wherever_the_timeline_is(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "g", "2", "t")
            await gone(pilot, 45)

    @pytest.mark.parametrize("key", ["t", "L", "escape"])
    async def test_and_there_are_ways_back(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            await pilot.press(key)
            await until(pilot, lambda: not travelling(app) and "PAST" not in shown(app))
            await sees(pilot, "STORED", "3/3 nodes")
            assert isinstance(app.screen, RunScreen)
            assert tree(app).count == 3

    async def test_escape_leads_from_the_timeline_to_the_tree_to_now_to_the_list(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "3", "escape")
            await until(pilot, lambda: focused(app) == "tree" and travelling(app))
            await pilot.press("escape")
            await until(pilot, lambda: not travelling(app))
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    @pytest.mark.parametrize(
        ("keys", "position"),
        [
            ([], 45),
            (["home"], 1),
            (["home", "["], 0),
            (["home", "[", "["], 0),
            (["["], 44),
            (["[", "[", "]"], 44),
            (["]"], 45),
            (["home", "end"], 45),
            (["home", "]", "]", "]"], 4),
        ],
    )
    async def test_lead_to(self, book: Path, clock: Clock, keys: list[str], position: int) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", *keys)
            await gone(pilot, position)
            await sees(pilot, f"event {position} of 45")

    async def test_outside_it_they_mean_what_they_always_do(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "end")
            assert tree(app).cursor == 2
            await pilot.press("home")
            assert tree(app).cursor == 0
            await pilot.press("space")
            await until(pilot, lambda: tree(app).count == 1)
            await pilot.press("[", "]", ",", ".", "<", ">", "L")
            assert not travelling(app)
            await sees(pilot, "STORED")

    async def test_a_node_has_steps_and_statuses_to_go_to(self, book: Path, clock: Clock) -> None:
        """`.` and `,`: of the one under the cursor."""
        app = treetop(book, clock)
        made = Recorder().whole()
        turns = [
            at
            for at, event in enumerate(made.events, 1)
            if event.facts.subject == "search"
            and (
                event.type in ("step_started", "step_finished")
                or fold(empty("run"), made.events[:at]).nodes["search"].status
                != getattr(fold(empty("run"), made.events[: at - 1]).nodes.get("search"), "status", None)
            )
        ]
        assert turns == [7, 16, 18, 25, 26, 27]
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await seek(pilot, str(turns[0]))
            await gone(pilot, turns[0])
            await until(pilot, lambda: selected(app) == "search")
            for turn in turns[1:]:
                await pilot.press("full_stop")
                await gone(pilot, turn)
                await until(pilot, lambda: selected(app) == "search")
            await pilot.press("full_stop")
            for turn in turns[-2::-1]:
                await pilot.press("comma")
                await gone(pilot, turn)
            await until(pilot, lambda: selected(app) == "search")

    async def test_the_tree_goes_to_what_happens_and_says_it(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        events = Recorder().whole().events
        finished = next(at for at, event in enumerate(events, 1) if event.type == "step_finished" and at > 24)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, str(finished))
            await until(pilot, lambda: selected(app) == events[finished - 1].facts.subject)
            await until(pilot, lambda: "NEED_POST_REFLECT" in line_with(app, " search "))

    async def test_until_one_moves_oneself(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "24")
            await gone(pilot, 24)
            await pilot.press("g", "]", "]")
            await gone(pilot, 26)
            assert selected(app) == "root"

    async def test_errors_are_before_and_after_in_time(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        failed = [at for at, event in enumerate(Recorder().whole().events, 1) if event.facts.failed]
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "E")
            await gone(pilot, failed[-1])
            await pilot.press("home", "e")
            await gone(pilot, failed[0])

    async def test_and_so_is_what_is_alike(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        events = Recorder().whole().events
        steps = [at for at, event in enumerate(events, 1) if event.type == "step_started"]
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, str(steps[1]))
            await gone(pilot, steps[1])
            await pilot.press("}")
            await gone(pilot, steps[2])
            await pilot.press("{", "{")
            await gone(pilot, steps[0])
            await pilot.press("{")
            await pilot.press("]")
            await gone(pilot, steps[0] + 1)

    async def test_the_inspector_tells_of_the_node_as_it_was(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home", "]", "]", "]", "]")
            await pilot.press("g")
            await until(pilot, lambda: "status     READY" in inspector(app) and "Result" not in inspector(app))
            await pilot.press("end")
            await until(
                pilot, lambda: "status     FINISH" in inspector(app) and "Result of final_aggregate" in inspector(app)
            )

    async def test_also_of_what_it_waits_for(self, book: Path, clock: Clock) -> None:
        """Which may change while nothing happens to the node itself."""
        app = treetop(book, clock)
        before, after = 15, 20
        assert then_of(before).nodes["write"] == then_of(after).nodes["write"]
        assert then_of(before).nodes["search"].status != then_of(after).nodes["search"].status
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            await seek(pilot, str(before))
            await gone(pilot, before)
            await pilot.press("g", "j", "j")
            await until(pilot, lambda: selected(app) == "write")
            for position in (before, after, before):
                await seek(pilot, str(position))
                await gone(pilot, position)
                mark = GLYPHS(then_of(position).nodes["search"].status or "placeholder")
                await until(pilot, lambda: f"{mark} search" in inspector(app).partition("Waits for")[2])  # noqa: B023


def then_of(position: int) -> RunState:
    """The short run as its first events make it."""
    return fold(empty("run"), Recorder().whole().events[:position])


class TestSeeking:
    """`T`: typing where to go."""

    @pytest.mark.parametrize(
        ("text", "position"),
        [
            ("1", 1),
            ("#12", 12),
            ("50%", 22),
            ("100%", 45),
            ("start", 0),
            ("end", 45),
            ("999", 45),
            ("0:10.0", 11),
            ("10s", 11),
            ("0:10", 11),
            ("17:00:10", 11),
            ("-5s", 40),
            ("+5s", 6),
        ],
    )
    async def test_leads_to(self, book: Path, clock: Clock, text: str, position: int) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, text)
            await gone(pilot, position)
            assert focused(app) == "tree"
            assert not app.screen.query_one("#seek", Input).display

    async def test_on_and_back_from_where_one_is(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await gone(pilot, 20)
            await seek(pilot, "+3s")
            await gone(pilot, 23)
            await seek(pilot, "-0:05.0")
            await gone(pilot, 18)

    async def test_what_the_timeline_shows_leads_there_also_in_a_long_run(
        self, journey: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of which not every event is on the playbar's axis."""
        monkeypatch.setattr("tui.screens.travel.FINE", 10)
        app = treetop(journey, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await sees(pilot, "PAST")
            assert isinstance(app.screen, RunScreen)
            times = [event.time for event in events_of(app.path, app.screen.run_id)]
            for position in (3, 50, 131, 200):
                said = fmt.offset(times[position - 1] - times[0])
                await seek(pilot, said)
                last = max(at for at, time in enumerate(times, 1) if fmt.offset(time - times[0]) == said)
                await gone(pilot, last)

    async def test_it_begins_time_travel_where_there_was_none(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot)
            await seek(pilot, "12")
            await gone(pilot, 12)
            await sees(pilot, "PAST", "event 12 of 45")

    async def test_what_is_not_understood_is_said_and_may_be_mended(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "soon")
            await sees(pilot, "understood are")
            assert (focused(app), bar(app).position) == ("seek", 45)
            await pilot.press(*["backspace"] * 4, "7", "enter")
            await gone(pilot, 7)

    async def test_escape_stays_where_one_is(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[", "T", "9", "escape")
            await until(pilot, lambda: focused(app) == "tree")
            await gone(pilot, 44)
            await pilot.press("T")
            await until(pilot, lambda: focused(app) == "seek")
            assert app.screen.query_one("#seek", Input).value == ""

    async def test_keys_are_letters_while_one_types(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "T", *"[] ,.<>Lt")
            assert app.screen.query_one("#seek", Input).value == "[] ,.<>Lt"
            await pilot.press("home", "x", "end", "y")
            assert app.screen.query_one("#seek", Input).value == "x[] ,.<>Lty"
            await gone(pilot, 45)


class Watch:
    """In place of the module `time`: stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The watch by which a run is played."""
    found = Watch()
    monkeypatch.setattr("tui.screens.travel.clock", found)
    return found


class TestPlaying:
    """Space plays on; the run of these tests has one event a second."""

    async def test_as_fast_as_it_was(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", "space")
            await sees(pilot, "PLAYING 1x")
            for seconds, position in ((3, 4), (1, 5), (0.5, 5), (0.5, 6), (10, 16)):
                watch.now += seconds
                await gone(pilot, position)
            await until(pilot, lambda: is_shown(app, 16))
            await pilot.press("space")
            await sees(pilot, "PAUSED")
            watch.now += 10
            await pilot.press("]")
            await gone(pilot, 17)

    async def test_faster_and_slower(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", ">", ">", "space")
            await sees(pilot, "PLAYING 5x")
            watch.now += 2
            await gone(pilot, 11)
            await pilot.press("<", "<")
            await sees(pilot, "PLAYING 1x")
            watch.now += 4
            await gone(pilot, 15)
            await pilot.press("<", "<", "<")
            await sees(pilot, "PLAYING 0.5x")

    async def test_by_events(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", *[">"] * 7)
            await pilot.press("space")
            await sees(pilot, "PLAYING 10 ev/s")
            watch.now += 2.5
            await gone(pilot, 26)

    async def test_it_stops_at_the_end_and_begins_anew(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[", "[", "space")
            watch.now += 100
            await gone(pilot, 45)
            await sees(pilot, "PAUSED")
            await pilot.press("space")
            await sees(pilot, "PLAYING 1x")
            watch.now += 3
            await gone(pilot, 4)

    @pytest.mark.parametrize(("key", "speed", "position"), [("home", "1x", 4), (">", "2x", 26)])
    async def test_who_does_something_else_while_it_plays_goes_on_from_there(
        self, book: Path, clock: Clock, watch: Watch, key: str, speed: str, position: int
    ) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await gone(pilot, 20)
            await pilot.press("space")
            await sees(pilot, "PLAYING 1x")
            await pilot.press(key)
            await sees(pilot, f"PLAYING {speed}")
            await gone(pilot, 1 if key == "home" else 20)
            watch.now += 3
            await gone(pilot, position)

    @pytest.mark.parametrize("key", ["[", "full_stop", "space"])
    async def test_who_moves_oneself_has_paused(self, book: Path, clock: Clock, watch: Watch, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await pilot.press("space")
            await sees(pilot, "PLAYING 1x")
            await pilot.press(key)
            await sees(pilot, "PAUSED")

    async def test_a_pause_of_the_run_is_skipped(self, here: Path, clock: Clock, watch: Watch) -> None:
        made = Recorder().root("book")
        made.emit("note", {"node_id": "book"}, timestamp="2025-04-22T19:00:00.000000Z")
        made.emit("note", {"node_id": "book"}, timestamp="2025-04-22T19:00:05.000000Z")
        store(Path("treetop.db"), made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", "space")
            watch.now += 0.1
            await gone(pilot, 2)
            await sees(pilot, "skipped 2h")
            watch.now += 0.1
            await gone(pilot, 3)


class TestTheMouse:
    """The bar can be clicked and dragged."""

    async def test_a_click_goes_there(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await until(pilot, lambda: bar(app).axis is not None)
            axis, width = bar(app).axis, bar(app).size.width
            assert axis is not None
            for x in (width // 2, 0, width - 1, width // 4):
                await pilot.click(bar(app), offset=(x + 1, 0))
                await gone(pilot, axis.at_cell(x, width))
                await until(pilot, lambda: is_shown(app, axis.at_cell(x, width)))  # noqa: B023

    async def test_a_drag_goes_along(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await until(pilot, lambda: bar(app).axis is not None)
            axis, width, y = bar(app).axis, bar(app).size.width, bar(app).region.y
            assert axis is not None
            await pilot.mouse_down(bar(app), offset=(width // 2, 0))
            for x in (width // 3, 5, width - 9):
                await mouse(pilot, MouseMove, x + 1, y, button=1)
                await gone(pilot, axis.at_cell(x, width))
            await pilot.mouse_up(bar(app), offset=(width - 8, 0))
            await mouse(pilot, MouseMove, 3, y)
            await pilot.press("[")
            await gone(pilot, axis.at_cell(width - 9, width) - 1)

    async def test_it_pauses(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", "space")
            await sees(pilot, "PLAYING 1x")
            await until(pilot, lambda: bar(app).axis is not None)
            await pilot.click(bar(app), offset=(80, 0))
            await sees(pilot, "PAUSED")


class TestLive:
    """A run goes on while one looks at its past."""

    async def test_the_past_stays_as_it_was(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "60")
            await until(pilot, lambda: is_shown(app, 60))
            for _ in range(4):
                feed.more(50)
                await sees(pilot, f"event 60 of {feed.stored}", f"{feed.stored - 60} events behind")
                assert is_shown(app, 60)
            await pilot.press("end")
            await gone(pilot, feed.stored)
            await until(pilot, lambda: is_shown(app, feed.stored))
            feed.rest()
            await sees(pilot, f"event 300 of {feed.total}")
            await pilot.press("[")
            await until(pilot, lambda: is_shown(app, 299))
            await pilot.press("L")
            await sees(pilot, "STORED", f"{feed.total} events", "29/29 nodes")
            assert tree(app).count == 29
        feed.close()

    async def test_back_to_now_it_is_live_again(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            feed.more(50)
            await pilot.press("L")
            await sees(pilot, "150 events")
            await until(pilot, lambda: "LIVE" in lines(app)[1] or "FOLLOWING" in lines(app)[1])
            feed.more(50)
            await sees(pilot, "200 events")
        feed.close()

    async def test_the_end_of_the_run_is_not_announced_to_who_is_in_its_past(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            feed.rest()
            await sees(pilot, f"event 1 of {feed.total}")
            assert "The run finished" not in shown(app)
            assert "● running" in shown(app)
        feed.close()


class TestScopes:
    """The timeline of the past, of a node and of all that was in it."""

    @pytest.mark.parametrize("widened", [1, 2], ids=["node", "subtree"])
    async def test_lists_what_there_was(self, journey: Path, clock: Clock, widened: int) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", *["b"] * widened)
            end = len(events_of(journey, app.screen.run_id))  # type: ignore[attr-defined]
            await pilot.press("g")
            for position in (end, 40, 120, 60, 300, 2, end):
                await seek(pilot, str(position))
                await gone(pilot, position)
                state, events = then(app, position), events_of(journey, app.screen.run_id)[:position]  # type: ignore[attr-defined]
                root = selected(app)
                assert root is not None
                inside = (
                    {root} if widened == 1 else {node.node_id for node in state.nodes.values() if is_in(state, node, root)}
                )
                wanted = sum(1 for event in events if not inside.isdisjoint(event.facts.concerns))
                of = "this node" if widened == 1 else "this node and all beneath"
                await sees(pilot, f"Timeline of {of}: {fmt.counted(wanted, 'event')}")

    async def test_what_comes_into_a_subtree_later_is_listed_later(self, journey: Path, clock: Clock) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "30")
            await gone(pilot, 30)
            await pilot.press("g", "b", "b")
            await sees(pilot, "Timeline of this node and all beneath")
            root = selected(app)
            assert root is not None
            for position in (60, 31, 150, 149, 300):
                await seek(pilot, str(position))
                await gone(pilot, position)
                state, events = then(app, position), events_of(journey, app.screen.run_id)[:position]  # type: ignore[attr-defined]
                inside = {id_ for id_, node in state.nodes.items() if is_in(state, node, root)}
                wanted = sum(1 for event in events if not inside.isdisjoint(event.facts.concerns))
                await sees(pilot, f"Timeline of this node and all beneath: {fmt.count(wanted)} events")
                assert selected(app) == root

    @pytest.mark.parametrize("few", [0, 200], ids=["large", "small"])
    async def test_what_moves_into_a_subtree_brings_all_of_its_events(
        self, here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        """Until it was announced it was at the top. Where one walks back to that, they are not listed."""
        monkeypatch.setattr(listing, "FEW", few)
        made = Recorder().root("book").step_started("deep", "Go deep").node("book", "a").status("deep", "READY")
        made.node("a", "b").node("b", "deep").status("deep", "DOING").node("a", "c").status("deep", "FINISH")
        made.run_finished()
        store(Path("treetop.db"), made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "4")
            await gone(pilot, 4)
            await pilot.press("g", "j")
            await until(pilot, lambda: selected(app) == "a")
            await pilot.press("b", "b")
            for position in (4, 7, 5, 10, 9, 3, 8, 6):
                await seek(pilot, str(position))
                await gone(pilot, position)
                state = then(app, position)
                inside = {id_ for id_, node in state.nodes.items() if is_in(state, node, "a")}
                wanted = [event for event in made.events[:position] if not inside.isdisjoint(event.facts.concerns)]
                await sees(pilot, f"Timeline of this node and all beneath: {fmt.counted(len(wanted), 'event')}")
                assert selected(app) == "a"


def is_in(state: RunState, node: Node, root: str) -> bool:
    at: Node | None = node
    while at is not None and at.node_id != root:
        at = None if at.outer is None else state.nodes[at.outer]
    return at is not None


class TestStaying:
    """The position is kept until one leaves."""

    @pytest.mark.parametrize("there_and_back", [["exclamation_mark", "q"], ["question_mark", "escape"]])
    async def test_on_other_screens(self, book: Path, clock: Clock, there_and_back: list[str]) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await until(pilot, lambda: is_shown(app, 20))
            await pilot.press(there_and_back[0])
            await until(pilot, lambda: not isinstance(app.screen, RunScreen))
            await pilot.press(there_and_back[1])
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await until(pilot, lambda: travelling(app) and is_shown(app, 20))
            await pilot.press("]")
            await until(pilot, lambda: is_shown(app, 21))

    async def test_while_the_terminal_changes_its_size(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await until(pilot, lambda: is_shown(app, 20))
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: faults(app) == [])
            await sees(pilot, "event 20 of 45", "PAST")
            await pilot.resize_terminal(170, 50)
            await until(pilot, lambda: faults(app) == [])
            await until(pilot, lambda: is_shown(app, 20))

    @pytest.mark.parametrize("key", ["1", "q"])
    async def test_a_run_that_is_opened_again_is_at_its_end(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            await pilot.press(*([key] if key == "1" else [key, key]))
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            await pilot.press("enter")
            await sees(pilot, "STORED", "45 events", "3/3 nodes")
            assert not travelling(app)


class TestGone:
    """What becomes of the run that one is in the past of."""

    async def test_a_run_that_is_deleted_is_shown_as_it_was(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await until(pilot, lambda: is_shown(app, 20))
            delete_run(book, "run")
            await sees(pilot, "DELETED")
            await pilot.press(
                *(
                    "[",
                    "]",
                    "home",
                    "end",
                    "full_stop",
                    "comma",
                    "e",
                    "E",
                    "a",
                    "{",
                    "}",
                    "b",
                    "v",
                    "j",
                    "G",
                    "3",
                    "j",
                    "4",
                    "2",
                ),
                *("2", "space", ">", "space", "T", "5", "enter", "backslash", "x", "enter", "2"),
            )
            await sees(pilot, "DELETED")
            await pilot.press("escape", "escape", "escape")
            await sees(pilot, "No run yet.")

    async def test_a_run_that_is_put_together_anew_is_shown_as_it_is_now(self, here: Path, clock: Clock) -> None:
        """Half of it turns out to be another's."""
        other = Recorder("B").run_started().root("b", "Write B")
        mine = Recorder("A", beside=other).nameless().root("a", "Write A").step_started("a")
        store(Path("treetop.db"), other.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await until(pilot, lambda: is_shown(app, 4))
            mine.run_id = "A"
            mine.step_finished("a", "plan", after="PLAN_DONE")
            store(Path("treetop.db"), other.entries[-1:])
            await sees(pilot, "event 2 of 2")
            await until(pilot, lambda: is_shown(app, 2))
            await pilot.press("[")
            await until(pilot, lambda: is_shown(app, 1))

    async def test_what_is_selected_stays_so_when_the_run_is_put_together_anew(self, here: Path, clock: Clock) -> None:
        other = Recorder("B").run_started().root("b", "Write B").node("b", "b1", "Write B1").node("b", "b2", "Write B2")
        mine = Recorder("A", beside=other).nameless().root("a", "Write A").step_started("a")
        store(Path("treetop.db"), other.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "j", "j")
            assert selected(app) == "b2"
            mine.run_id = "A"
            mine.step_finished("a", "plan", after="PLAN_DONE")
            store(Path("treetop.db"), other.entries[-1:])
            await sees(pilot, "2 Tree: 3 nodes")
            await until(pilot, lambda: selected(app) == "b2")

    async def test_a_run_that_became_another_is_called_deleted(self, here: Path, clock: Clock) -> None:
        made = Recorder(run_id=None).root().step("root", "plan", after="DOING")
        store(Path("treetop.db"), made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[")
            await gone(pilot, 2)
            named = Recorder(run_id="named", beside=made).step("root", "execute", after="FINISH")
            store(Path("treetop.db"), named.entries[3:])
            await sees(pilot, "DELETED")
            await pilot.press("[", "j", "e", "L", "q")
            await sees(pilot, "1 run")

    async def test_a_file_that_is_busy_for_once_is_said_and_asked_again(
        self, book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await gone(pilot, 45)

            def busy(self: RunHistory, *_: object) -> None:
                raise FileBusy("the file is busy")

            with monkeypatch.context() as patch:
                patch.setattr(RunHistory, "go", busy)
                patch.setattr(RunHistory, "nodes", busy)
                await pilot.press("[")
                await sees(pilot, "the file is busy")
                await pilot.press("j")
            await pilot.press("[")
            await until(pilot, lambda: is_shown(app, 43))


async def test_a_run_without_nodes_has_a_past_too(here: Path, clock: Clock) -> None:
    with Writer(Path("treetop.db")) as writer:
        writer.append(Recorder().run_started().run_finished().entries)
    app = treetop(Path("treetop.db"), clock)
    async with watching(app, 170, 40) as pilot:
        await sees(pilot, "1 run")
        await pilot.press("enter")
        await sees(pilot, "no node was heard of yet")
        await pilot.press("t")
        for position in (2, 1, 0):
            await until(pilot, lambda: is_shown(app, position))  # noqa: B023
            await pilot.press("full_stop", "e", "}", "[")


def test_the_rows_are_in_the_order_of_the_tree() -> None:
    state = Recorder().root("a").node("a", "b").node("a", "c").node("b", "d").root("e").state
    assert [node.node_id for node in in_order(state)] == ["a", "b", "d", "c", "e"]
