"""The two lines beneath a run in time travel."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import MouseEvent, MouseMove, MouseUp
from textual.geometry import Region
from textual.widgets import Input

from store.record import Mark
from tests.tui.stage import Alone, Frame, Hands, at, lines, shown, strips, until, watching
from tui.models.axis import Axis
from tui.theme import DARK, LIGHT, Glyphs
from tui.widgets.playbar import Playbar

START = at(14, 3).timestamp() + 20
HOUR = 3600.0


def run(*steps: float, **counts: Sequence[int]) -> Axis:
    """A run with an event after each of so many seconds, and counts that grow with it."""
    grown = {name: [0, *values] for name, values in counts.items()}
    times = accumulate(steps, initial=START)
    return Axis(Mark(n, time, **{name: values[n] for name, values in grown.items()}) for n, time in enumerate(times))


TEN = run(*[1.0] * 10)
MILLION = Axis(Mark(n * 500, START + n, n, n // 3, n * 9, n * 5) for n in range(2001))


class Watched(Playbar):
    """Counts how often it is drawn."""

    refreshed = 0

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.refreshed += 1
        return super().refresh(*regions, **options)


def bar(axis: Axis | None = TEN, position: int = 0, ascii_only: bool = False, **said: Any) -> Watched:
    """A bar that shows a run at a position; the total is that of the axis, unless said."""
    made = Watched(Glyphs(ascii_only))
    for name, value in {"axis": axis, "position": position, "total": axis.total if axis else 0, **said}.items():
        setattr(made, name, value)
    return made


async def drawn(playbar: Playbar, width: int = 80) -> list[str]:
    """The two lines of a bar, without their margins."""
    app = Alone(playbar)
    async with watching(app, width, 4):
        assert {cell_len(line) for line in lines(app)} == {width}
        return [line[1:-1] for line in lines(app)[:2]]


def styles(app: Alone, x: int, y: int = 0) -> Any:
    """How a cell of the screen is drawn."""
    for segment in strips(app)[y]:
        if x < len(segment.text):
            return segment.style
        x -= len(segment.text)
    raise AssertionError("there is no such cell")


async def mouse(pilot: Hands, kind: type[MouseEvent], x: int, y: int = 0, button: int = 0) -> None:
    """What a terminal says about the mouse, wherever on the screen it is."""
    pilot.app.screen._forward_event(kind(None, x, y, 0, 0, button, False, False, False, x, y))
    await pilot.settle()


def sought(app: Alone) -> list[int]:
    """The positions that the mouse asked for."""
    return [message.position for message in app.heard(Playbar.Sought)]


class TestRunAsALine:
    """The first line is the whole run."""

    async def test_it_is_as_high_as_much_happened(self) -> None:
        axis = run(1, 1, *[0.01] * 16, 0.84, *[0.01] * 4, 6.96)
        assert (await drawn(bar(axis), 12))[0] == "┃▃█▅▁▁▁▁▁▃"

    async def test_and_in_ascii(self) -> None:
        axis = run(1, 1, *[0.01] * 16, 0.84, *[0.01] * 4, 6.96)
        assert (await drawn(bar(axis, ascii_only=True), 12))[0] == "|-@+.....-"

    @pytest.mark.parametrize(("position", "line"), [(0, "┃▆▆▆▆▆▆▆▆█"), (3, "▁▆▆┃▆▆▆▆▆█"), (10, "▁▆▆▆▆▆▆▆▆┃")])
    async def test_the_position_is_on_it(self, position: int, line: str) -> None:
        assert (await drawn(bar(position=position), 12))[0] == line

    async def test_a_pause_is_marked(self) -> None:
        line = (await drawn(bar(run(*[1.0] * 9, HOUR, *[1.0] * 9)), 22))[0]
        assert (line.count("┊"), line.index("┊")) == (1, 10)

    async def test_errors_stand_out_without_colour(self) -> None:
        axis = run(*[1.0] * 10, errors=[0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
        assert (await drawn(bar(axis), 12))[0] == "┃▆▆▆▆×▆▆▆█"

    async def test_where_everything_is_an_error_they_have_heights(self) -> None:
        axis = run(*[1.0] * 10, errors=range(1, 11))
        assert (await drawn(bar(axis), 12))[0] == "┃" + "▆" * 8 + "█"

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    async def test_what_happened_has_its_colour(self, palette: Any) -> None:
        axis = run(*[1.0] * 4, llm_calls=[0, 1, 1, 1], tool_calls=[0, 0, 1, 1], nodes=[0, 0, 0, 1])
        app = Alone(bar(axis, 4))
        app.register_theme(palette)
        app.theme = palette.name
        async with watching(app, 42, 4):
            found = {kind: styles(app, 1 + x).color.triplet.hex for kind, x in {"write": 20, "search": 30}.items()}
        assert found == {kind: palette.variables[f"kind-{kind}"] for kind in found}

    @pytest.mark.parametrize("glyph", ["▁", "▄", "┊", "×"])
    async def test_what_is_ahead_is_fainter(self, glyph: str) -> None:
        axis = run(2, *[0.01] * 20, 3, *[1.0] * 9, HOUR, 9, 3, 0.5, errors=[0] * 32 + [1, 1, 1])
        app = Alone(bar(axis))
        async with watching(app, 42, 4) as pilot:
            x = lines(app)[0].rindex(glyph, 0, -2)
            ahead = styles(app, x).color
            app.widget.position = axis.total  # type: ignore[attr-defined]
            await pilot.settle()
            assert lines(app)[0][x] == glyph
            assert styles(app, x).color != ahead

    async def test_before_anything_is_known(self) -> None:
        line, words = await drawn(bar(None))
        assert (line.strip(), words.strip()) == ("reading…", "‖ PAUSED  event 0 of 0 · 0 nodes · n/a tok")


class TestWords:
    """The second line says where we are."""

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({}, "‖ PAUSED"),
            ({"playing": True, "speed": "10x"}, "▶ PLAYING 10x"),
            ({"playing": True, "speed": "100 ev/s", "live": True}, "▶ PLAYING 100 ev/s"),
            ({"live": True, "position": 10}, "● LIVE"),
            ({"live": True, "position": 9}, "‖ PAUSED"),
            ({"position": 10}, "‖ PAUSED"),
        ],
    )
    async def test_what_it_does(self, said: dict[str, Any], words: str) -> None:
        assert (await drawn(bar(**said), 100))[1].startswith(f" {words}  0:")

    async def test_when_that_was(self) -> None:
        axis = run(*[60.5] * 10)
        assert "1:00.5 · 14:04:20 · event 1 of 10" in (await drawn(bar(axis, 1), 100))[1]

    async def test_another_day_is_said_to_be_one(self) -> None:
        assert "12:00:00 · Apr 29 02:03:20" in (await drawn(bar(run(12 * HOUR), 1), 100))[1]

    async def test_what_there_was_by_then(self) -> None:
        words = (await drawn(bar(nodes=42, tokens=(12_345, 678)), 100))[1]
        assert "42 nodes · 12.3k+678 tok" in words

    async def test_what_nobody_counted_is_not_zero(self) -> None:
        assert "1 node · n/a tok" in (await drawn(bar(nodes=1), 100))[1]

    async def test_thousands_can_be_read(self) -> None:
        assert "event 400,000 of 1,000,000" in (await drawn(bar(MILLION, 400_000), 100))[1]

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({"live": True, "total": 355}, "345 events behind"),
            ({"live": True, "total": 11}, "1 event behind"),
            ({"live": True}, None),
            ({"total": 355}, None),
        ],
    )
    async def test_how_far_a_live_run_has_got_since(self, said: dict[str, Any], words: str | None) -> None:
        shown = (await drawn(bar(position=10, **said), 120))[1]
        assert words in shown if words else "behind" not in shown

    @pytest.mark.parametrize(
        ("width", "words"),
        [
            (120, "‖ PAUSED  0:01.0 · 14:03:21 · event 100,000 of 1,000,000 · 900,000 events behind · 7 nodes · 5+6 tok"),
            (80, "‖ PAUSED  0:01.0 · 14:03:21 · event 100,000/1,000,000 · 900,000 behind"),
            (60, "‖ PAUSED  0:01.0 · event 100,000/1,000,000"),
            (40, "‖ PAUSED  event 100,000/1,000,000"),
        ],
    )
    async def test_what_matters_most_is_left_when_there_is_little_room(self, width: int, words: str) -> None:
        axis = Axis([Mark(0, START), Mark(1_000_000, START + 10)])
        playbar = bar(axis, 100_000, live=True, nodes=7, tokens=(5, 6))
        assert (await drawn(playbar, width))[1].strip() == words

    async def test_what_plays_is_said_in_short_there(self) -> None:
        words = (await drawn(bar(MILLION, 500_000, playing=True, speed="100 ev/s"), 40))[1]
        assert words.startswith(" ▶ 100 ev/s  event 500,000/1,000,000")

    async def test_in_ascii(self) -> None:
        axis = run(*[1.0] * 9, HOUR, 1.0, errors=[0] * 10 + [1])
        playbar = bar(axis, 4, ascii_only=True, playing=True, live=True, total=99, hovered=7)
        app = Alone(playbar)
        async with watching(app, 120, 4):
            assert shown(app).isascii()


class TestAnySize:
    """It draws whatever it is given."""

    @pytest.mark.parametrize("width", [1, 2, 3, 4, 10, 40, 79, 80, 81, 160, 400])
    @pytest.mark.parametrize("axis", [None, run(), run(5), TEN, MILLION, run(0, 0, 0), run(1, -HOUR, 1e9, -1e9, 2)])
    async def test_will_do(self, width: int, axis: Axis | None) -> None:
        total = axis.total if axis else 0
        playbar = bar(axis, total // 2, hovered=width // 3, live=True, total=total + 5, playing=True)
        line, words = await drawn(playbar, width)
        assert axis is None or width < 3 or line.count("┃") == 1
        assert width < 40 or "event" in words

    async def test_a_position_beyond_what_is_known_of_the_run(self) -> None:
        line, words = await drawn(bar(position=15, total=20), 100)
        assert (line[-1], "event 15 of 20" in words) == ("┃", True)

    @pytest.mark.parametrize("time", [1e17, -1e17])
    async def test_a_time_that_no_calendar_has(self, time: float) -> None:
        axis = Axis([Mark(0, time), Mark(1, time + 64)])
        assert "1:04.0 · ? · event 1 of 1" in (await drawn(bar(axis, 1), 100))[1]

    async def test_it_is_drawn_anew_for_another_width(self) -> None:
        app = Alone(bar(position=10))
        async with watching(app, 30, 4) as pilot:
            await pilot.resize_terminal(50, 4)
            await until(pilot, lambda: len(lines(app)[0]) == 50)
            assert lines(app)[0][48] == "┃"


class TestSeeking:
    """The mouse asks for positions; it is for others to go there."""

    async def test_a_click_asks_for_what_is_under_it(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert sought(app) == [4]
            assert playbar.position == 0

    async def test_whose_bar_it_was_is_said(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert [message.control for message in app.heard(Playbar.Sought)] == [playbar]

    @pytest.mark.parametrize(("x", "position"), [(0, 0), (1, 0), (10, 10), (11, 10)])
    async def test_its_ends_are_those_of_the_run(self, x: int, position: int) -> None:
        playbar = bar(position=5)
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(x, 0))
            await pilot.settle()
            assert sought(app) == [position]

    async def test_a_drag_asks_for_each_position_once(self) -> None:
        playbar = bar(run(*[2.0] * 5))
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(2, 0))
            for x in (3, 4, 5, 5, 7, 6):
                await mouse(pilot, MouseMove, x, button=1)
            await pilot.mouse_up(playbar, offset=(6, 0))
            await pilot.settle()
            assert sought(app) == [0, 1, 2, 3, 2]

    async def test_a_drag_goes_on_beside_the_bar(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 10) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            await mouse(pilot, MouseMove, 8, 7, button=1)
            await mouse(pilot, MouseMove, 0, 9, button=1)
            assert sought(app) == [4, 7, 0]

    async def test_it_ends_when_the_button_is_let_go(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            await mouse(pilot, MouseUp, 5, button=1)
            assert app.mouse_captured is None
            await mouse(pilot, MouseMove, 8, button=1)
            assert sought(app) == [4]

    async def test_or_when_the_mouse_is_taken_away(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            app.capture_mouse(None)
            await pilot.settle()
            await mouse(pilot, MouseMove, 8, button=1)
            assert sought(app) == [4]

    async def test_a_drag_selects_no_text(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(3, 0))
            await mouse(pilot, MouseMove, 8, button=1)
            await mouse(pilot, MouseUp, 8, button=1)
            assert app.screen.selections == {}

    async def test_even_where_that_was_not_heard(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            before = app.mouse_captured
            assert before is playbar
            await mouse(pilot, MouseMove, 8, button=0)
            assert sought(app) == [4]
            assert app.mouse_captured is None

    async def test_or_when_the_bar_goes(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            playbar.display = False
            await pilot.settle()
            assert app.mouse_captured is None
            playbar.display = True
            await pilot.settle()
            await mouse(pilot, MouseMove, 8, button=1)
            assert sought(app) == [4]

    @pytest.mark.parametrize(("offset", "button"), [((5, 1), 1), ((5, 0), 3)])
    async def test_other_clicks_ask_for_nothing(self, offset: tuple[int, int], button: int) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=offset, button=button)
            await pilot.settle()
            assert (sought(app), app.mouse_captured) == ([], None)

    async def test_nor_does_one_where_nothing_is_known(self) -> None:
        playbar = bar(None)
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert sought(app) == []

    async def test_the_focus_stays_where_it_is(self) -> None:
        class Beside(Alone):
            def compose(self) -> ComposeResult:
                with Frame():
                    yield self.widget
                    yield Input(id="other")

            def on_mount(self) -> None:
                self.query_one(Input).focus()

        playbar = bar()
        app = Beside(playbar)
        async with watching(app, 12, 10) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert sought(app) == [4]
            assert app.focused is app.query_one(Input)

    async def test_of_a_burst_only_the_last_is_of_interest(self) -> None:
        one, other = bar(), bar()
        first, second = Playbar.Sought(one, 3), Playbar.Sought(one, 4)
        assert second.can_replace(first)
        assert not Playbar.Sought(other, 4).can_replace(first)


class TestPointing:
    """The mouse is told what lies under it."""

    async def test_when_it_was_and_its_number(self) -> None:
        playbar = bar(run(*[60.0] * 10), nodes=42)
        app = Alone(playbar)
        async with watching(app, 82, 4) as pilot:
            await pilot.hover(playbar, offset=(41, 0))
            await pilot.settle()
            assert lines(app)[1].strip() == "‖ PAUSED  5:00.0 · 14:08:20 · event 5 of 10 · 1 event here"
            assert lines(app)[0][41] == "│"

    async def test_how_long_a_pause_was(self) -> None:
        playbar = bar(run(*[1.0] * 9, HOUR, *[1.0] * 9))
        app = Alone(playbar)
        async with watching(app, 82, 4) as pilot:
            await pilot.hover(playbar, offset=(lines(app)[0].index("┊"), 0))
            await pilot.settle()
            assert "event 9 of 19 · nothing for 1h00m" in lines(app)[1]

    @pytest.mark.parametrize("elsewhere", [(41, 1), (0, 0), (41, 3)])
    async def test_elsewhere_it_is_told_where_we_are(self, elsewhere: tuple[int, int]) -> None:
        app = Alone(bar(nodes=42))
        async with watching(app, 82, 4) as pilot:
            before = shown(app)
            await mouse(pilot, MouseMove, 41)
            assert shown(app) != before
            await mouse(pilot, MouseMove, *elsewhere)
            assert shown(app) == before

    async def test_nothing_does_after_the_bar_was_away(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 82, 4) as pilot:
            await mouse(pilot, MouseMove, 41)
            playbar.display = False
            await pilot.settle()
            playbar.display = True
            await pilot.settle()
            assert lines(app)[0].count("│") == 0

    async def test_nothing_does_when_the_mouse_leaves(self) -> None:
        playbar = bar()
        app = Alone(playbar)
        async with watching(app, 82, 8) as pilot:
            await mouse(pilot, MouseMove, 41)
            assert lines(app)[0].count("│") == 1
            await mouse(pilot, MouseMove, 41, 6)
            assert lines(app)[0].count("│") == 0

    async def test_the_position_can_still_be_seen(self) -> None:
        playbar = bar(position=5)
        app = Alone(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.hover(playbar, offset=(6, 0))
            await pilot.settle()
            assert lines(app)[0].count("┃") == 1


class TestRepainting:
    """It is drawn when something in it changed, and only then."""

    SAME: tuple[tuple[str, Any], ...] = (
        ("axis", TEN),
        ("position", 5),
        ("total", 10),
        ("playing", True),
        ("speed", "10x"),
        ("live", True),
        ("nodes", 7),
        ("tokens", (5, 6)),
    )
    OTHER: tuple[tuple[str, Any], ...] = (
        ("axis", MILLION),
        ("position", 6),
        ("total", 12),
        ("playing", False),
        ("speed", "20x"),
        ("live", False),
        ("nodes", 8),
        ("tokens", (5, None)),
    )

    async def test_nothing_changed(self) -> None:
        playbar = bar(**dict(self.SAME))
        async with watching(Alone(playbar), 120, 4):
            before = playbar.refreshed
            for name, value in self.SAME:
                setattr(playbar, name, value)
            assert playbar.refreshed == before

    @pytest.mark.parametrize(("name", "value"), OTHER)
    async def test_something_did(self, name: str, value: Any) -> None:
        playbar = bar(**{**dict(self.SAME), "total": 11})
        app = Alone(playbar)
        async with watching(app, 120, 4) as pilot:
            before, refreshed = shown(app), playbar.refreshed
            setattr(playbar, name, value)
            await pilot.settle()
            assert playbar.refreshed > refreshed
            if name != "live" or value:
                assert shown(app) != before

    async def test_the_mouse_moves_within_a_cell(self) -> None:
        playbar = bar()
        async with watching(Alone(playbar), 120, 4) as pilot:
            await mouse(pilot, MouseMove, 41)
            before = playbar.refreshed
            await mouse(pilot, MouseMove, 41)
            assert playbar.refreshed == before

    async def test_a_seek_draws_two_lines_and_reckons_nothing_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        playbar = bar(MILLION)
        app = Alone(playbar)
        async with watching(app, 120, 4) as pilot:
            monkeypatch.setattr(Axis, "cells", None)
            playbar.position = 500_000
            await pilot.settle()
            assert "event 500,000" in lines(app)[1]
            assert playbar.region == Region(0, 0, 120, 2)
