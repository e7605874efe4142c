"""Time travel by keys and mouse: the screen shows the run exactly as of the position."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.events import MouseMove
from textual.pilot import Pilot
from textual.widgets import Input, Static

from store.database import listing
from store.database.arrival import FIELD
from store.database.deletion import delete_run
from store.database.history import History
from store.database.reader import Reader
from store.database.writer import Writer
from store.errors import FileError
from store.model.entry import StreamId
from store.model.fold import fold
from store.model.state import Node, RunState, empty
from tests.recorder import Recorder, entry_of
from tests.rest import rest
from tests.tables import events_of, store
from tests.tui.run_stage import focused, inspector, nodes_in_rows, opened, position, selected, timeline, tree
from tests.tui.stage import (
    LIVE,
    OPEN,
    PARALLEL,
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
from tui.demo import Scenario
from tui.models import summary
from tui.models.pair import as_one, is_execution
from tui.screens.fed import FedScreen
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.session.session import Session
from tui.text import clean
from tui.theme import Glyphs, node_mark
from tui.widgets.playbar import Playbar
from tui.widgets.run_header import RunHeader

GLYPHS = Glyphs()


P = Path("treetop.db")


def bar(app: Any) -> Playbar:
    found: Playbar = app.screen.query_one(Playbar)
    return found


def travelling(app: Treetop) -> bool:
    return bar(app).display


def is_there(app: Any, position: int) -> bool:
    """Whether the screen is at this position."""
    header = app.screen.query_one(RunHeader).shown
    return bar(app).shown.position == position and header is not None and header.run.events == position


async def gone(pilot: Pilot[Any], position: int) -> None:
    """Wait until the screen is at this position."""
    await until(pilot, lambda: is_there(pilot.app, position))


async def seek(pilot: Pilot[Any], text: str) -> None:
    """Go to a typed target."""
    await pilot.press("T")
    await until(pilot, lambda: focused(pilot.app) == "seek")  # type: ignore[arg-type]
    await pilot.press(*text, "enter")


def then(app: Treetop, position: int) -> RunState:
    """The state after the first events of the run."""
    assert isinstance(app.screen, RunScreen)
    run_id = app.screen.run_id
    return fold(empty(run_id), events_of(app.path, run_id)[:position])


def in_order(state: RunState) -> Iterator[Node]:
    """Nodes in the order of the tree."""
    inside: dict[str | None, list[Node]] = {}
    for node in state.nodes.values():
        inside.setdefault(node.outer, []).append(node)
    waiting = inside.get(None, [])[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += inside.get(node.node_id, [])[::-1]


def paired(nodes: list[Node]) -> list[Node]:
    """Nodes in the order of the tree, with each task and its only execution as one."""
    children = Counter(node.outer for node in nodes)
    executions = {node.outer: node for node in nodes if is_execution(node) and children[node.outer] == 1}
    return [as_one(node, executions.get(node.node_id)) for node in nodes if executions.get(node.outer) is not node]


def is_shown(app: Treetop, position: int) -> bool:
    """Whether header, tree and timeline show the run as of the position."""
    state = then(app, position)
    run, said = state.run, lines(app)[1]
    wanted = [
        "PAST",
        f"{fmt.count(run.finished)} done · {fmt.count(run.nodes - run.finished)} open"
        if run.status == "running"
        else f"{fmt.count(run.finished)}/{fmt.count(run.nodes)} tasks",
        f"{run.llm_calls} llm",
        f"{run.tool_calls} tool",
        f"{summary.tokens(run.tokens_in, run.tokens_out)} tok",
        fmt.counted(run.events, "event"),
        fmt.counted(run.steps, "step"),
        *([fmt.counted(run.errors + run.aborted, "error")] if run.errors + run.aborted else []),
    ]
    if not all(text in said for text in wanted) or f"2 Tree: {fmt.counted(run.nodes, 'task')}" not in shown(app):
        return False
    nodes, rows = paired(list(in_order(state))), rows_of(tree(app))
    if tree(app).count != len(nodes):
        return False
    for node, row in zip(nodes, rows, strict=False):
        goal = clean(node.current_goal or "")[:8] or "(not announced"
        if f"{GLYPHS(node_mark(node)[0])} " not in row or goal not in row:
            return False
    return f"Timeline of the run: {fmt.counted(position, 'event')}" in shown(app) and timeline(app).count == position


def is_told(app: Treetop, position: int) -> bool:
    """Whether the inspector shows the selected node as of the position, and nothing where there is none."""
    chosen, said = selected(app), inspector(app)
    if chosen is None:
        return not said.strip()
    node = next(node for node in paired(list(in_order(then(app, position)))) if node.node_id == chosen)
    return reports(said, node.status or "unknown") and clean(node.current_goal or "")[:20] in said


def reports(said: str, status: str) -> bool:
    """Whether the inspector shows a published status, as the node's own or as the reported one."""
    return f"status     {status}" in said or f"reported   {status}" in said


@pytest.fixture
def journey(here: Path) -> Path:
    """A file with one run that ended with open nodes."""
    store_run(Path("treetop.db"), OPEN)
    return Path("treetop.db")


class TestTheLaw:
    """At every position the screen shows the fold of the events up to it."""

    @pytest.mark.parametrize("scenario", [OPEN, PARALLEL], ids=["one step at a time", "eight branches"])
    async def test_the_screen_shows_the_state_at_any_position(self, here: Path, clock: Clock, scenario: Scenario) -> None:
        journey = Path("treetop.db")
        store_run(journey, scenario)
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            end = len(events_of(journey, app.screen.run_id))  # type: ignore[attr-defined]
            for position in (end, 1, end // 2, end - 1, 100, 0, 33):
                await seek(pilot, str(position))
                await gone(pilot, position)
                await rest(pilot)
                assert is_shown(app, position)
                assert is_told(app, position)
                assert faults(app) == []

    async def test_the_screen_shows_the_state_at_each_step(self, book: Path, clock: Clock) -> None:
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

    async def test_keys_pressed_faster_than_the_file_is_read_all_count(self, journey: Path, clock: Clock) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            for _ in range(40):
                app.simulate_key("right_square_bracket")
            for _ in range(9):
                app.simulate_key("left_square_bracket")
            await gone(pilot, 32)
            await until(pilot, lambda: is_shown(app, 32))

    async def test_moves_of_nodes_are_undone_and_redone(self, here: Path, clock: Clock) -> None:
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
    """`t` begins time travel, which has keys of its own."""

    async def test_t_begins_at_the_end_and_shows_the_bar(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot)
            assert not travelling(app)
            await pilot.press("t")
            await sees(pilot, "PAST", "PAUSED", "event 45 of 45")
            assert travelling(app)

    async def test_t_moves_a_timeline_of_the_run_to_its_end(self, book: Path, clock: Clock) -> None:
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

    async def test_t_in_the_tree_begins_at_the_end(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3", "g", "2", "t")
            await gone(pilot, 45)

    @pytest.mark.parametrize("key", ["t", "L", "escape"])
    async def test_several_keys_end_time_travel(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            await pilot.press(key)
            await until(pilot, lambda: not travelling(app) and "PAST" not in shown(app))
            await sees(pilot, "STORED", "3/3 tasks")
            assert isinstance(app.screen, RunScreen)
            assert tree(app).count == 3

    async def test_escape_goes_back_from_timeline_to_tree_to_now(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "3", "escape")
            await until(pilot, lambda: focused(app) == "tree" and travelling(app))
            await pilot.press("escape")
            await until(pilot, lambda: not travelling(app))
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))

    async def test_keys_go_to_a_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            for keys, position in [
                ([], 45),
                (["home"], 1),
                (["home", "["], 0),
                (["home", "[", "["], 0),
                (["["], 44),
                (["[", "[", "]"], 44),
                (["]"], 45),
                (["home", "end"], 45),
                (["home", "]", "]", "]"], 4),
            ]:
                await pilot.press("end")
                await gone(pilot, 45)
                await pilot.press(*keys)
                await gone(pilot, position)
                await sees(pilot, f"event {position} of 45")

    async def test_outside_time_travel_its_keys_keep_their_meaning(self, book: Path, clock: Clock) -> None:
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

    async def test_comma_and_full_stop_go_to_steps_and_statuses_of_the_selected_node(
        self, book: Path, clock: Clock
    ) -> None:
        """Of the node under the cursor."""
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

    async def test_the_tree_selects_and_highlights_the_node_of_the_event(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        events = Recorder().whole().events
        finished = next(at for at, event in enumerate(events, 1) if event.type == "step_finished" and at > 24)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, str(finished))
            await until(pilot, lambda: selected(app) == events[finished - 1].facts.subject)
            await until(pilot, lambda: "NEED_POST_REFLECT" in line_with(app, " search "))

    async def test_a_move_of_the_cursor_keeps_the_selection_in_later_positions(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "24")
            await gone(pilot, 24)
            await pilot.press("g", "]", "]")
            await gone(pilot, 26)
            assert selected(app) == "root"

    async def test_e_goes_to_errors_in_time(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        failed = [at for at, event in enumerate(Recorder().whole().events, 1) if event.facts.failed]
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "E")
            await gone(pilot, failed[-1])
            await pilot.press("home", "e")
            await gone(pilot, failed[0])

    async def test_a_key_with_a_known_position_ends_the_search_of_the_key_before_it(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            assert app._feed.reader is not None
            resume = threading.Event()
            slow = asyncio.create_task(app._feed.reader.in_thread(lambda _: resume.wait()))
            await pilot.press("e", "end")
            resume.set()
            await slow
            await gone(pilot, 45)
            await rest(pilot)
            assert is_there(app, 45)

    async def test_braces_go_to_events_of_the_same_type_in_time(self, book: Path, clock: Clock) -> None:
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

    async def test_the_inspector_shows_the_node_as_of_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home", "]", "]", "]", "]")
            await pilot.press("g")
            await until(pilot, lambda: reports(inspector(app), "READY") and "Result" not in inspector(app))
            await pilot.press("end")
            await until(
                pilot, lambda: "status     FINISH" in inspector(app) and "Result of final_aggregate" in inspector(app)
            )

    async def test_the_inspector_shows_prerequisites_as_of_the_position(self, book: Path, clock: Clock) -> None:
        """They can change while the node itself does not."""
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
                mark = GLYPHS(node_mark(then_of(position).nodes["search"])[0])
                await until(pilot, lambda: f"{mark} search" in inspector(app).partition("not met")[2])  # noqa: B023


def then_of(position: int) -> RunState:
    """The state of the short run after its first events."""
    return fold(empty("run"), Recorder().whole().events[:position])


class TestSeeking:
    """`T` goes to a typed target."""

    async def test_a_typed_target_is_gone_to(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            for text, position in [
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
            ]:
                await pilot.press("home" if position == 45 else "end")
                await gone(pilot, 1 if position == 45 else 45)
                await seek(pilot, text)
                await gone(pilot, position)
                assert focused(app) == "tree"
                assert not app.screen.query_one("#seek", Input).display

    async def test_relative_times_count_from_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await gone(pilot, 20)
            await seek(pilot, "+3s")
            await gone(pilot, 23)
            await seek(pilot, "-0:05.0")
            await gone(pilot, 18)

    async def test_a_time_of_the_timeline_leads_to_its_event_in_a_long_run(
        self, journey: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The axis of a long run does not contain every event."""
        monkeypatch.setattr("store.database.seek.MARK_PER_EVENT_MAX", 10)
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

    async def test_a_typed_target_begins_time_travel(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot)
            await seek(pilot, "12")
            await gone(pilot, 12)
            await sees(pilot, "PAST", "event 12 of 45")

    async def test_an_invalid_target_is_reported_and_can_be_corrected(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "soon")
            await sees(pilot, "'soon' is not a time or an event: type 23:57.5")
            assert (focused(app), bar(app).shown.position) == ("seek", 45)
            await pilot.press(*["backspace"] * 4, "7", "enter")
            await gone(pilot, 7)

    async def test_enter_on_an_empty_prompt_keeps_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[", "T", "enter")
            await until(pilot, lambda: focused(app) == "tree")
            await gone(pilot, 44)
            assert not [notification.message for notification in app._notifications]

    async def test_escape_in_the_prompt_keeps_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[", "T", "9", "escape")
            await until(pilot, lambda: focused(app) == "tree")
            await gone(pilot, 44)
            await pilot.press("T")
            await until(pilot, lambda: focused(app) == "seek")
            assert app.screen.query_one("#seek", Input).value == ""

    async def test_keys_are_text_while_the_prompt_is_open(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "T", *"[] ,.<>Lt")
            assert app.screen.query_one("#seek", Input).value == "[] ,.<>Lt"
            await pilot.press("home", "x", "end", "y")
            assert app.screen.query_one("#seek", Input).value == "x[] ,.<>Lty"
            await gone(pilot, 45)


class Watch:
    """Replaces the module `time`. Time passes only when a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The clock of playing."""
    found = Watch()
    monkeypatch.setattr("tui.session.travel.clock", found)
    return found


class TestPlaying:
    """Space plays the run, which has one event per second."""

    async def test_a_run_is_played_in_real_time(self, book: Path, clock: Clock, watch: Watch) -> None:
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

    async def test_keys_change_the_speed(self, book: Path, clock: Clock, watch: Watch) -> None:
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

    async def test_high_speeds_count_events(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", *[">"] * 7)
            await pilot.press("space")
            await sees(pilot, "PLAYING 10 ev/s")
            watch.now += 2.5
            await gone(pilot, 26)

    async def test_playing_stops_at_the_end_and_restarts_at_the_beginning(
        self, book: Path, clock: Clock, watch: Watch
    ) -> None:
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
    async def test_playing_goes_on_after_a_change_of_position_or_speed(
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
    async def test_a_step_pauses_playing(self, book: Path, clock: Clock, watch: Watch, key: str) -> None:
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
        made.emit("note", {"node_id": "book"}, timestamp="2025-04-22T19:00:00.500000Z")
        late = [entry_of(entry.fields[FIELD], StreamId(entry.at.ms + 7_200_000, 0)) for entry in made.entries[1:]]
        store(Path("treetop.db"), [made.entries[0], *late])
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", "space")
            watch.now += 0.1
            await gone(pilot, 2)
            await sees(pilot, "skipped 2h")
            watch.now += 0.6
            await gone(pilot, 3)


class TestTheMouse:
    """Clicks and drags on the playbar."""

    async def test_a_click_goes_to_the_position_under_it(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await sees(pilot, "PAUSED")  # the playbar has its place on the screen
            await until(pilot, lambda: bar(app).shown.axis is not None)
            axis, width = bar(app).shown.axis, bar(app).size.width
            assert axis is not None
            for x in (width // 2, 0, width - 1, width // 4):
                await pilot.click(bar(app), offset=(x + 1, 0))
                await gone(pilot, axis.position_at_cell(x, width))
                await until(pilot, lambda: is_shown(app, axis.position_at_cell(x, width)))  # noqa: B023

    async def test_a_drag_moves_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await sees(pilot, "PAUSED")  # the playbar has its place on the screen
            await until(pilot, lambda: bar(app).shown.axis is not None)
            axis, width, y = bar(app).shown.axis, bar(app).size.width, bar(app).region.y
            assert axis is not None
            await pilot.mouse_down(bar(app), offset=(width // 2, 0))
            for x in (width // 3, 5, width - 9):
                await mouse(pilot, MouseMove, x + 1, y, button=1)
                await gone(pilot, axis.position_at_cell(x, width))
            await pilot.mouse_up(bar(app), offset=(width - 8, 0))
            await mouse(pilot, MouseMove, 3, y)
            await pilot.press("[")
            await gone(pilot, axis.position_at_cell(width - 9, width) - 1)

    async def test_a_click_pauses_playing(self, book: Path, clock: Clock, watch: Watch) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home", "space")
            await sees(pilot, "PLAYING 1x")
            await until(pilot, lambda: bar(app).shown.axis is not None)
            await pilot.click(bar(app), offset=(80, 0))
            await sees(pilot, "PAUSED")


class TestLive:
    """The past of a live run."""

    async def test_new_events_do_not_change_the_past(self, path: Path, clock: Clock) -> None:
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
            await sees(pilot, "STORED", f"{feed.total} events", "29/29 tasks")
            assert nodes_in_rows(app) == 29
        feed.close()

    async def test_ending_time_travel_returns_to_the_live_run(self, path: Path, clock: Clock) -> None:
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

    async def test_the_end_of_the_run_is_not_announced_in_time_travel(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            feed.rest()
            await sees(pilot, f"event 1 of {feed.total}")
            assert "The run finished" not in shown(app)
            assert "● live" in shown(app)
        feed.close()


class TestScopes:
    """The timeline of the past, of a node and of a subtree."""

    @pytest.mark.parametrize("widened", [1, 2], ids=["node", "subtree"])
    async def test_the_timeline_lists_the_events_up_to_the_position(
        self, journey: Path, clock: Clock, widened: int
    ) -> None:
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
                of = "this task" if widened == 1 else "this task and all beneath"
                await sees(pilot, f"Timeline of {of}: {fmt.counted(wanted, 'event')}")

    async def test_nodes_created_later_in_a_subtree_are_listed_later(self, journey: Path, clock: Clock) -> None:
        app = treetop(journey, clock)
        async with watching(app, 170, 60) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "30")
            await gone(pilot, 30)
            await pilot.press("g", "b", "b")
            await sees(pilot, "Timeline of this task and all beneath")
            root = selected(app)
            assert root is not None
            for position in (60, 31, 150, 149, 300):
                await seek(pilot, str(position))
                await gone(pilot, position)
                state, events = then(app, position), events_of(journey, app.screen.run_id)[:position]  # type: ignore[attr-defined]
                inside = {id_ for id_, node in state.nodes.items() if is_in(state, node, root)}
                wanted = sum(1 for event in events if not inside.isdisjoint(event.facts.concerns))
                await sees(pilot, f"Timeline of this task and all beneath: {fmt.count(wanted)} events")
                assert selected(app) == root

    @pytest.mark.parametrize("few", [0, 200], ids=["large", "small"])
    async def test_a_node_that_moves_into_a_subtree_adds_all_its_events(
        self, here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        """Until it was announced it was at the top. Where one walks back to that, they are not listed."""
        monkeypatch.setattr(listing, "SMALL_SUBTREE_NODES", few)
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
                await sees(pilot, f"Timeline of this task and all beneath: {fmt.counted(len(wanted), 'event')}")
                assert selected(app) == "a"


def is_in(state: RunState, node: Node, root: str) -> bool:
    at: Node | None = node
    while at is not None and at.node_id != root:
        at = None if at.outer is None else state.nodes[at.outer]
    return at is not None


class Totals(FedScreen):
    """A second screen on a run: the number of events at the position of the session."""

    def __init__(self, glyphs: Glyphs, clock: Clock, session: Session) -> None:
        super().__init__(glyphs, clock)
        self._session = session

    def compose(self) -> ComposeResult:
        yield Static(id="events")

    async def read(self, reader: Reader) -> None:
        await self._session.refresh()
        self.query_one(Static).update(f"{self._session.moment.run.events} events")


class TestStaying:
    """The position is kept until the run is closed."""

    @pytest.mark.parametrize("there_and_back", [["exclamation_mark", "q"], ["question_mark", "escape"]])
    async def test_the_position_is_kept_while_other_screens_cover_it(
        self, book: Path, clock: Clock, there_and_back: list[str]
    ) -> None:
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

    async def test_another_screen_on_the_run_shares_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "20")
            await gone(pilot, 20)
            assert isinstance(app.screen, RunScreen)
            session, reader = app.screen._session, app.screen.reader
            other = Totals(GLYPHS, clock, session)
            app.push_screen(other)
            other.news(reader)
            await sees(pilot, "20 events")
            session.seek(7)
            other.soon()
            await sees(pilot, "7 events")
            await pilot.press("q")
            await until(pilot, lambda: is_shown(app, 7))
            session.seek(None)
            app.screen.soon()
            await until(pilot, lambda: not travelling(app))

    async def test_the_position_is_kept_while_the_terminal_changes_its_size(self, book: Path, clock: Clock) -> None:
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
    async def test_a_reopened_run_is_at_its_end(self, book: Path, clock: Clock, key: str) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "home")
            await gone(pilot, 1)
            await pilot.press(*([key] if key == "1" else [key, key]))
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            await pilot.press("enter")
            await sees(pilot, "STORED", "45 events", "3/3 tasks")
            assert not travelling(app)


class TestGone:
    """The run is deleted, rebuilt or unreadable during time travel."""

    async def test_a_deleted_run_keeps_its_last_picture(self, book: Path, clock: Clock) -> None:
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

    async def test_a_rebuilt_run_is_shown_as_rebuilt(self, here: Path, clock: Clock) -> None:
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

    async def test_the_selected_node_stays_selected_in_a_rebuilt_run(self, here: Path, clock: Clock) -> None:
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
            await sees(pilot, "2 Tree: 3 tasks")
            await until(pilot, lambda: selected(app) == "b2")

    async def test_a_run_merged_into_another_is_shown_as_deleted(self, here: Path, clock: Clock) -> None:
        named = Recorder(run_id="named").run_started().root("other")
        made = Recorder(run_id=None, beside=named).run_started().root().step("root", "plan", after="DOING")
        store(Path("treetop.db"), made.entries)
        found = len(made.entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t", "[")
            await gone(pilot, 3)
            named.step("root", "execute", after="FINISH")
            store(Path("treetop.db"), named.entries[found:])
            await sees(pilot, "DELETED")
            await pilot.press("[", "j", "e", "L", "q")
            await sees(pilot, "1 run")

    async def test_a_failed_reading_is_reported_and_repeated(
        self, book: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = treetop(book, clock)
        async with watching(app, 170, 40) as pilot:
            await opened(pilot, "t")
            await gone(pilot, 45)

            def busy(self: History, *_: object) -> None:
                raise FileError("the file is busy")

            with monkeypatch.context() as patch:
                patch.setattr(History, "seek", busy)
                patch.setattr(History, "nodes", busy)
                await pilot.press("[")
                await sees(pilot, "the file is busy")
                await pilot.press("j")
            await pilot.press("[")
            await until(pilot, lambda: is_shown(app, 43))


async def test_time_travel_works_in_a_run_without_nodes(here: Path, clock: Clock) -> None:
    with Writer(Path("treetop.db")) as writer:
        writer.append(Recorder().run_started().run_finished().entries)
    app = treetop(Path("treetop.db"), clock)
    async with watching(app, 170, 40) as pilot:
        await sees(pilot, "1 run")
        await pilot.press("enter")
        await sees(pilot, "This run has no task.")
        await pilot.press("t")
        for position in (2, 1, 0):
            await until(pilot, lambda: is_shown(app, position))  # noqa: B023
            await pilot.press("full_stop", "e", "}", "[")


def test_in_order_returns_nodes_in_the_order_of_the_tree() -> None:
    state = Recorder().root("a").node("a", "b").node("a", "c").node("b", "d").root("e").state
    assert [node.node_id for node in in_order(state)] == ["a", "b", "d", "c", "e"]


class TestNothingFound:
    """Keys of time travel that lead nowhere."""

    @pytest.mark.parametrize(("key", "message"), [("e", "No error after"), (".", "No step or status of this task after")])
    async def test_the_cursor_stays_and_a_message_appears(self, here: Path, clock: Clock, key: str, message: str) -> None:
        store(P, Recorder().whole().entries)
        app = treetop(P, clock)
        async with watching(app, 150, 40) as pilot:
            await opened(pilot, "t", "3")
            end = len(Recorder().whole().entries)
            await gone(pilot, end)
            await pilot.press("k", "k", "k", "k")
            await until(pilot, lambda: position(app) == end - 4)
            await pilot.press(key)
            await sees(pilot, message)
            assert position(app) == end - 4

    async def test_a_seek_to_the_present_event_gives_a_message(self, here: Path, clock: Clock) -> None:
        store(P, Recorder().whole().entries)
        app = treetop(P, clock)
        async with watching(app, 150, 40) as pilot:
            await opened(pilot, "t")
            await seek(pilot, "10")
            await gone(pilot, 10)
            await seek(pilot, "+0.5s")
            await sees(pilot, "the position stays")


async def test_one_notification_is_shown_until_the_screen_is_left(here: Path, clock: Clock) -> None:
    store(P, Recorder().whole().entries[:5])
    app = treetop(P, clock)
    async with watching(app, 150, 40) as pilot:
        await opened(pilot, "e", "e", "e")
        await until(pilot, lambda: shown(app).count("No task has an error") == 1)
        await pilot.press("q")
        await until(pilot, lambda: "No task has an error" not in shown(app))
