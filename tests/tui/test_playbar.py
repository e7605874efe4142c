"""The two lines beneath a run in time travel."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import MouseEvent, MouseMove, MouseUp
from textual.geometry import Region
from textual.widgets import Input

from store.model.axis import Axis
from store.model.record import Mark
from tests.tui.stage import Frame, Hands, WidgetApp, at, lines, shown, strips, until, watching
from tui.models.snapshot import Playback
from tui.palette import DARK, LIGHT
from tui.theme import Glyphs
from tui.widgets.playbar import Playbar

START = at(14, 3).timestamp() + 20
HOUR = 3600.0


def run(*steps: float, **counts: Sequence[int]) -> Axis:
    """A run with an event at each of these seconds, and growing counts."""
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


def bar(axis: Axis | None = TEN, position: int = 0, ascii_only: bool = False, **fields: Any) -> Watched:
    """A bar at a position of a run; `total` is by default that of the axis."""
    made = Watched(Glyphs(ascii_only))
    made.hovered = fields.pop("hovered", None)
    made.shown = Playback(**{"axis": axis, "position": position, "total": axis.total if axis else 0, **fields})
    return made


def change(playbar: Playbar, **changes: Any) -> None:
    """Show the same bar with some changes."""
    playbar.shown = replace(playbar.shown, **changes)


async def drawn(playbar: Playbar, width: int = 80) -> list[str]:
    """The two lines of a bar, without their margins."""
    app = WidgetApp(playbar)
    async with watching(app, width, 4):
        assert {cell_len(line) for line in lines(app)} == {width}
        return [line[1:-1] for line in lines(app)[:2]]


def styles(app: WidgetApp, x: int, y: int = 0) -> Any:
    """The style of a cell of the screen."""
    for segment in strips(app)[y]:
        if x < len(segment.text):
            return segment.style
        x -= len(segment.text)
    raise AssertionError("there is no such cell")


async def mouse(pilot: Hands, kind: type[MouseEvent], x: int, y: int = 0, button: int = 0) -> None:
    """A mouse event at a cell of the screen."""
    pilot.app.screen._forward_event(kind(None, x, y, 0, 0, button, False, False, False, x, y))
    await pilot.settle()


def sought(app: WidgetApp) -> list[int]:
    """The positions that the mouse requested."""
    return [message.position for message in app.received(Playbar.Sought)]


class TestChart:
    """The first line shows the whole run."""

    async def test_the_height_of_a_bar_is_its_number_of_events(self) -> None:
        axis = run(1, 1, *[0.01] * 16, 0.84, *[0.01] * 4, 6.96)
        assert (await drawn(bar(axis), 12))[0] == "┃▃█▅▁▁▁▁▁▃"

    async def test_the_chart_can_be_drawn_in_ascii(self) -> None:
        axis = run(1, 1, *[0.01] * 16, 0.84, *[0.01] * 4, 6.96)
        assert (await drawn(bar(axis, ascii_only=True), 12))[0] == "|-@+.....-"

    @pytest.mark.parametrize(("position", "line"), [(0, "┃▆▆▆▆▆▆▆▆█"), (3, "▁▆▆┃▆▆▆▆▆█"), (10, "▁▆▆▆▆▆▆▆▆┃")])
    async def test_the_position_is_marked(self, position: int, line: str) -> None:
        assert (await drawn(bar(position=position), 12))[0] == line

    async def test_a_pause_is_marked(self) -> None:
        line = (await drawn(bar(run(*[1.0] * 9, HOUR, *[1.0] * 9)), 22))[0]
        assert (line.count("┊"), line.index("┊")) == (1, 10)

    async def test_errors_are_distinguishable_without_colour(self) -> None:
        axis = run(*[1.0] * 10, errors=[0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
        assert (await drawn(bar(axis), 12))[0] == "┃▆▆▆▆×▆▆▆█"

    async def test_bars_of_errors_have_heights(self) -> None:
        axis = run(*[1.0] * 10, errors=range(1, 11))
        assert (await drawn(bar(axis), 12))[0] == "┃" + "▆" * 8 + "█"

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    async def test_a_bar_has_the_colour_of_its_kind_of_events(self, palette: Any) -> None:
        axis = run(*[1.0] * 4, llm_calls=[0, 1, 1, 1], tool_calls=[0, 0, 1, 1], nodes=[0, 0, 0, 1])
        app = WidgetApp(bar(axis, 4))
        app.register_theme(palette)
        app.theme = palette.name
        async with watching(app, 42, 4):
            found = {kind: styles(app, 1 + x).color.triplet.hex for kind, x in {"write": 20, "search": 30}.items()}
        assert found == {kind: palette.variables[f"kind-{kind}"] for kind in found}

    @pytest.mark.parametrize("glyph", ["▁", "▄", "┊", "×"])
    async def test_the_part_after_the_position_is_faint(self, glyph: str) -> None:
        axis = run(2, *[0.01] * 20, 3, *[1.0] * 9, HOUR, 9, 3, 0.5, errors=[0] * 32 + [1, 1, 1])
        playbar = bar(axis)
        app = WidgetApp(playbar)
        async with watching(app, 42, 4) as pilot:
            x = lines(app)[0].rindex(glyph, 0, -2)
            ahead = styles(app, x).color
            change(playbar, position=axis.total)
            await pilot.settle()
            assert lines(app)[0][x] == glyph
            assert styles(app, x).color != ahead

    async def test_an_unread_run_has_an_empty_chart(self) -> None:
        line, words = await drawn(bar(None))
        assert (line.strip(), words.strip()) == ("reading…", "‖ PAUSED  event 0 of 0 · 0 tasks · n/a tok")


class TestStatusLine:
    """The second line describes the position."""

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "‖ PAUSED"),
            ({"playing": True, "speed": "10x"}, "▶ PLAYING 10x"),
            ({"playing": True, "speed": "100 ev/s", "live": True}, "▶ PLAYING 100 ev/s"),
            ({"live": True, "position": 10}, "● LIVE"),
            ({"live": True, "position": 9}, "‖ PAUSED"),
            ({"position": 10}, "‖ PAUSED"),
        ],
    )
    async def test_the_mode_of_playback_is_shown(self, fields: dict[str, Any], words: str) -> None:
        assert (await drawn(bar(**fields), 100))[1].startswith(f" {words}  0:")

    async def test_the_time_of_the_position_is_shown(self) -> None:
        axis = run(*[60.5] * 10)
        assert "1:00.5 · 14:04:20 · event 1 of 10" in (await drawn(bar(axis, 1), 100))[1]

    async def test_a_position_on_another_day_has_its_date(self) -> None:
        assert "12:00:00 · Apr 29 02:03:20" in (await drawn(bar(run(12 * HOUR), 1), 100))[1]

    async def test_the_counts_at_the_position_are_shown(self) -> None:
        words = (await drawn(bar(nodes=42, tokens=(12_345, 678)), 100))[1]
        assert "42 tasks · 12.3k+678 tok" in words

    async def test_missing_token_counts_are_not_shown_as_zero(self) -> None:
        assert "1 task · n/a tok" in (await drawn(bar(nodes=1), 100))[1]

    async def test_large_numbers_have_thousands_separators(self) -> None:
        assert "event 400,000 of 1,000,000" in (await drawn(bar(MILLION, 400_000), 100))[1]

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"live": True, "total": 355}, "345 events behind"),
            ({"live": True, "total": 11}, "1 event behind"),
            ({"live": True}, None),
            ({"total": 355}, None),
        ],
    )
    async def test_new_events_of_a_live_run_are_counted(self, fields: dict[str, Any], words: str | None) -> None:
        shown = (await drawn(bar(position=10, **fields), 120))[1]
        assert words in shown if words else "behind" not in shown

    @pytest.mark.parametrize(
        ("width", "words"),
        [
            (120, "‖ PAUSED  0:01.0 · 14:03:21 · event 100,000 of 1,000,000 · 900,000 events behind · 7 tasks · 5+6 tok"),
            (80, "‖ PAUSED  0:01.0 · 14:03:21 · event 100,000/1,000,000 · 900,000 behind"),
            (60, "‖ PAUSED  0:01.0 · event 100,000/1,000,000"),
            (40, "‖ PAUSED  event 100,000/1,000,000"),
        ],
    )
    async def test_a_narrow_line_keeps_the_most_important_parts(self, width: int, words: str) -> None:
        axis = Axis([Mark(0, START), Mark(1_000_000, START + 10)])
        playbar = bar(axis, 100_000, live=True, nodes=7, tokens=(5, 6))
        assert (await drawn(playbar, width))[1].strip() == words

    async def test_a_narrow_line_abbreviates_the_mode(self) -> None:
        words = (await drawn(bar(MILLION, 500_000, playing=True, speed="100 ev/s"), 40))[1]
        assert words.startswith(" ▶ 100 ev/s  event 500,000/1,000,000")

    async def test_the_status_line_can_be_drawn_in_ascii(self) -> None:
        axis = run(*[1.0] * 9, HOUR, 1.0, errors=[0] * 10 + [1])
        playbar = bar(axis, 4, ascii_only=True, playing=True, live=True, total=99, hovered=7)
        app = WidgetApp(playbar)
        async with watching(app, 120, 4):
            assert shown(app).isascii()


class TestAnySize:
    """The bar can be drawn at any size and any position."""

    @pytest.mark.parametrize("width", [1, 2, 3, 4, 10, 40, 79, 80, 81, 160, 400])
    @pytest.mark.parametrize("axis", [None, run(), run(5), TEN, MILLION, run(0, 0, 0), run(1, -HOUR, 1e9, -1e9, 2)])
    async def test_any_size_is_drawn_without_faults(self, width: int, axis: Axis | None) -> None:
        total = axis.total if axis else 0
        playbar = bar(axis, total // 2, hovered=width // 3, live=True, total=total + 5, playing=True)
        line, words = await drawn(playbar, width)
        assert axis is None or width < 3 or line.count("┃") == 1
        assert width < 40 or "event" in words

    async def test_a_position_beyond_the_axis_is_drawn(self) -> None:
        line, words = await drawn(bar(position=15, total=20), 100)
        assert (line[-1], "event 15 of 20" in words) == ("┃", True)

    @pytest.mark.parametrize("time", [1e17, -1e17])
    async def test_a_time_out_of_range_is_drawn(self, time: float) -> None:
        axis = Axis([Mark(0, time), Mark(1, time + 64)])
        assert "1:04.0 · ? · event 1 of 1" in (await drawn(bar(axis, 1), 100))[1]

    async def test_another_width_redraws_the_chart(self) -> None:
        app = WidgetApp(bar(position=10))
        async with watching(app, 30, 4) as pilot:
            await pilot.resize_terminal(50, 4)
            await until(pilot, lambda: len(lines(app)[0]) == 50)
            assert lines(app)[0][48] == "┃"


class TestSeeking:
    """The mouse requests positions. The screen seeks to them."""

    async def test_a_click_requests_the_position_under_it(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert sought(app) == [4]
            assert playbar.shown.position == 0

    async def test_a_request_names_its_bar(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert [message.control for message in app.received(Playbar.Sought)] == [playbar]

    @pytest.mark.parametrize(("x", "position"), [(0, 0), (1, 0), (10, 10), (11, 10)])
    async def test_the_ends_of_the_bar_are_the_ends_of_the_run(self, x: int, position: int) -> None:
        playbar = bar(position=5)
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(x, 0))
            await pilot.settle()
            assert sought(app) == [position]

    async def test_a_drag_requests_each_position_once(self) -> None:
        playbar = bar(run(*[2.0] * 5))
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(2, 0))
            for x in (3, 4, 5, 5, 7, 6):
                await mouse(pilot, MouseMove, x, button=1)
            await pilot.mouse_up(playbar, offset=(6, 0))
            await pilot.settle()
            assert sought(app) == [0, 1, 2, 3, 2]

    async def test_a_drag_continues_outside_the_bar(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 10) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            await mouse(pilot, MouseMove, 8, 7, button=1)
            await mouse(pilot, MouseMove, 0, 9, button=1)
            assert sought(app) == [4, 7, 0]

    async def test_a_drag_ends_with_the_release_of_the_button(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            await mouse(pilot, MouseUp, 5, button=1)
            assert app.mouse_captured is None
            await mouse(pilot, MouseMove, 8, button=1)
            assert sought(app) == [4]

    async def test_a_drag_ends_when_the_mouse_is_captured_elsewhere(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            app.capture_mouse(None)
            await pilot.settle()
            await mouse(pilot, MouseMove, 8, button=1)
            assert sought(app) == [4]

    async def test_a_drag_selects_no_text(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(3, 0))
            await mouse(pilot, MouseMove, 8, button=1)
            await mouse(pilot, MouseUp, 8, button=1)
            assert app.screen.selections == {}

    async def test_a_drag_whose_release_was_lost_selects_no_text(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.mouse_down(playbar, offset=(5, 0))
            before = app.mouse_captured
            assert before is playbar
            await mouse(pilot, MouseMove, 8, button=0)
            assert sought(app) == [4]
            assert app.mouse_captured is None

    async def test_a_drag_ends_when_the_bar_is_removed(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
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
    async def test_other_buttons_request_nothing(self, offset: tuple[int, int], button: int) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=offset, button=button)
            await pilot.settle()
            assert (sought(app), app.mouse_captured) == ([], None)

    async def test_a_click_on_an_unread_run_requests_nothing(self) -> None:
        playbar = bar(None)
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.click(playbar, offset=(5, 0))
            await pilot.settle()
            assert sought(app) == []

    async def test_a_click_does_not_move_the_focus(self) -> None:
        class Beside(WidgetApp):
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

    async def test_only_the_last_of_several_requests_is_processed(self) -> None:
        one, other = bar(), bar()
        first, second = Playbar.Sought(one, 3), Playbar.Sought(one, 4)
        assert second.can_replace(first)
        assert not Playbar.Sought(other, 4).can_replace(first)


class TestPointing:
    """The status line describes the position under the mouse."""

    async def test_the_time_and_number_of_an_event_are_shown(self) -> None:
        playbar = bar(run(*[60.0] * 10), nodes=42)
        app = WidgetApp(playbar)
        async with watching(app, 82, 4) as pilot:
            await pilot.hover(playbar, offset=(41, 0))
            await pilot.settle()
            assert lines(app)[1].strip() == "‖ PAUSED  5:00.0 · 14:08:20 · event 5 of 10 · 1 event here"
            assert lines(app)[0][41] == "│"

    async def test_the_length_of_a_pause_is_shown(self) -> None:
        playbar = bar(run(*[1.0] * 9, HOUR, *[1.0] * 9))
        app = WidgetApp(playbar)
        async with watching(app, 82, 4) as pilot:
            await pilot.hover(playbar, offset=(lines(app)[0].index("┊"), 0))
            await pilot.settle()
            assert "event 9 of 19 · nothing for 1h00m" in lines(app)[1]

    @pytest.mark.parametrize("elsewhere", [(41, 1), (0, 0), (41, 3)])
    async def test_outside_the_chart_the_current_position_is_shown(self, elsewhere: tuple[int, int]) -> None:
        app = WidgetApp(bar(nodes=42))
        async with watching(app, 82, 4) as pilot:
            before = shown(app)
            await mouse(pilot, MouseMove, 41)
            assert shown(app) != before
            await mouse(pilot, MouseMove, *elsewhere)
            assert shown(app) == before

    async def test_pointing_ends_when_the_bar_is_hidden(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 82, 4) as pilot:
            await mouse(pilot, MouseMove, 41)
            playbar.display = False
            await pilot.settle()
            playbar.display = True
            await pilot.settle()
            assert lines(app)[0].count("│") == 0

    async def test_pointing_ends_when_the_mouse_leaves(self) -> None:
        playbar = bar()
        app = WidgetApp(playbar)
        async with watching(app, 82, 8) as pilot:
            await mouse(pilot, MouseMove, 41)
            assert lines(app)[0].count("│") == 1
            await mouse(pilot, MouseMove, 41, 6)
            assert lines(app)[0].count("│") == 0

    async def test_the_position_stays_visible_while_the_mouse_points(self) -> None:
        playbar = bar(position=5)
        app = WidgetApp(playbar)
        async with watching(app, 12, 4) as pilot:
            await pilot.hover(playbar, offset=(6, 0))
            await pilot.settle()
            assert lines(app)[0].count("┃") == 1


class TestRepainting:
    """The bar is drawn only when something in it changed."""

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

    async def test_an_equal_playback_draws_nothing(self) -> None:
        playbar = bar(**dict(self.SAME))
        async with watching(WidgetApp(playbar), 120, 4):
            before = playbar.refreshed
            for name, value in self.SAME:
                change(playbar, **{name: value})
            assert playbar.refreshed == before

    @pytest.mark.parametrize(("name", "value"), OTHER)
    async def test_a_changed_playback_draws_its_lines(self, name: str, value: Any) -> None:
        playbar = bar(**{**dict(self.SAME), "total": 11})
        app = WidgetApp(playbar)
        async with watching(app, 120, 4) as pilot:
            before, refreshed = shown(app), playbar.refreshed
            change(playbar, **{name: value})
            await pilot.settle()
            assert playbar.refreshed > refreshed
            if name != "live" or value:
                assert shown(app) != before

    async def test_a_mouse_move_within_a_cell_draws_nothing(self) -> None:
        playbar = bar()
        async with watching(WidgetApp(playbar), 120, 4) as pilot:
            await mouse(pilot, MouseMove, 41)
            before = playbar.refreshed
            await mouse(pilot, MouseMove, 41)
            assert playbar.refreshed == before

    async def test_a_seek_draws_two_lines_and_computes_no_chart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        playbar = bar(MILLION)
        app = WidgetApp(playbar)
        async with watching(app, 120, 4) as pilot:
            monkeypatch.setattr(Axis, "cells", None)
            change(playbar, position=500_000)
            await pilot.settle()
            assert "event 500,000" in lines(app)[1]
            assert playbar.region == Region(0, 0, 120, 2)
