"""The timeline of a run, of which only the pages on the screen are in memory."""

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from textual.message import Message

from store import events as ev
from store.events import Event
from store.record import Stored
from tests.tui.stage import Alone, line_with, lines, rows_of, sees, shown, until, watching
from tui.theme import Glyphs
from tui.widgets.timeline import PAGE, PAGES, Timeline

NIDS: dict[str, tuple[int | None, str | None, str | None]] = {
    "root": (1, "", None),
    "a": (2, "1", ""),
    "x": (3, "0", "1"),
    "y": (4, "0", ""),
    "ghost": (5, None, None),
    "nobody": (None, None, None),
}
"""The key of a node, its planner's name, and that of the node around it."""


def step(position: int, node_id: str = "a") -> Stored:
    facts = ev.StepFinished(node_id=node_id, step=position, action_name="plan", status_after="DOING", duration_seconds=4.2)
    event = Event(f"e{position}", facts.type, 100.0 + position, "run", facts)
    return Stored(position, position, event, False, None, None, *NIDS[node_id])


class Story(Alone):
    """A timeline, alone, which is given what it asks for."""

    def __init__(self, count: int, at_end: bool = False, events: Sequence[Stored] = (), answers: bool = True) -> None:
        self.timeline = Timeline(Glyphs(), id="timeline")
        super().__init__(self.timeline)
        self._how_many, self._at_end, self._events, self._answers = count, at_end, events, answers

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.timeline.show, self._how_many, 100.0, self._at_end)

    def hear(self, message: Message) -> None:
        super().hear(message)
        if isinstance(message, Timeline.Needed) and self._answers:
            last = min(message.last, self.timeline.count)  # as of a file that has no more
            events = self._events or [step(at + 1) for at in range(message.first, last)]
            self.timeline.supply(message.first, events)

    @property
    def pages(self) -> list[tuple[int, int]]:
        """What was asked for."""
        return [(message.first, message.last) for message in self.heard(Timeline.Needed)]


class TestPages:
    """It asks for what is on the screen, and for nothing else."""

    async def test_the_first(self) -> None:
        app = Story(1_000_000)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            assert app.pages == [(0, PAGE)]

    async def test_the_last_when_that_is_looked_at(self) -> None:
        app = Story(1_000_000)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            await pilot.press("G")
            await until(pilot, lambda: "step 1000000" in shown(app))
            assert app.pages == [(0, PAGE), (1_000_000 - PAGE, 1_000_000)]

    async def test_two_where_they_meet(self) -> None:
        app = Story(1_000)
        async with watching(app, 80, 20) as pilot:
            app.timeline.scroll_to(y=90, animate=False)
            await until(pilot, lambda: "step 110 " in shown(app))
            assert sorted(app.pages) == [(0, 100), (100, 200)]

    async def test_each_once(self) -> None:
        app = Story(1_000, answers=False)
        async with watching(app, 80, 20) as pilot:
            await pilot.press("j", "j", "k", "pagedown")
            assert app.pages == [(0, PAGE)]

    async def test_until_they_come_the_rows_are_blank(self) -> None:
        app = Story(1_000, answers=False)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: rows_of(app.timeline)[5].strip() == "…")

    async def test_so_many_are_remembered(self) -> None:
        app = Story(1_000_000)
        async with watching(app, 80, 20) as pilot:
            for page in range(0, 2 * PAGES, 2):
                app.timeline.scroll_to(y=page * PAGE, animate=False)
                await sees(pilot, f"step {page * PAGE + 1} ")
            asked = len(app.pages)
            app.timeline.scroll_to(y=10 * PAGE, animate=False)
            await until(pilot, lambda: f"step {10 * PAGE + 1} " in shown(app))
            assert len(app.pages) == asked

    async def test_those_that_were_forgotten_are_asked_for_again(self) -> None:
        app = Story(1_000_000)
        async with watching(app, 80, 20) as pilot:
            for page in range(PAGES + 2):
                app.timeline.scroll_to(y=2 * page * PAGE, animate=False)
                await sees(pilot, f"step {2 * page * PAGE + 1} ")
            app.timeline.scroll_to(y=0, animate=False)
            await until(pilot, lambda: "step 1 " in shown(app))
            assert app.pages.count((0, PAGE)) == 2

    async def test_fewer_events_than_were_promised_are_no_trouble(self) -> None:
        app = Story(50, events=[step(1)])
        async with watching(app, 80, 20) as pilot:
            await pilot.press("G")
            await until(pilot, lambda: "step 1 " in shown(app) or app.timeline.selected is None)


class TestRows:
    """One line says when, what, about which node, and how long it took."""

    async def test_of_an_event(self) -> None:
        app = Story(3)
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "step 2 " in shown(app))
            line = line_with(app, "step 2 ")
            assert all(text in line for text in ("0:02.0", "└ step done", " 1 ", "step 2 · plan → DOING", "4.2s"))

    @pytest.mark.parametrize(("node_id", "name"), [("a", " 1 "), ("root", " root "), ("x", " 1/0 "), ("y", " root/0 ")])
    async def test_the_node_goes_by_the_name_that_tells_it_from_others(self, node_id: str, name: str) -> None:
        app = Story(1, events=[step(1, node_id)])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: name in line_with(app, "step 1 "))

    async def test_about_no_node_it_names_none(self) -> None:
        app = Story(1, events=[step(1, "nobody")])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            between = line_with(app, "step 1 ").partition("step done")[2].partition("step 1 ")[0]
            assert between.strip() == ""

    async def test_of_an_unknown_type(self) -> None:
        other = Stored(1, 1, Event("e", "brain_dumped", 100.0, "run", ev.Other(step=3)), False, None, None)
        app = Story(1, events=[other])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "brain_du…" in shown(app))

    async def test_without_events_it_says_so(self) -> None:
        app = Story(0)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "no events" in shown(app))

    @pytest.mark.parametrize("width", [1, 8, 20, 56, 70, 120])
    async def test_lines_are_as_wide_as_the_pane(self, width: int) -> None:
        app = Story(100)
        async with watching(app, width, 20) as pilot:
            await pilot.press("pagedown")
            assert {cell_len(line) for line in lines(app)} == {width}


class TestFollowing:
    """At the end it stays at the end; anywhere else it stays where it is."""

    async def test_at_the_end_the_newest_is_shown(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.timeline.resize(510)
            await until(pilot, lambda: "step 510 " in shown(app))
            assert app.timeline.selected == step(510)

    async def test_in_the_middle_nothing_moves(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            await pilot.press("pageup", "pageup", "j")
            await until(pilot, lambda: "step 463 " in shown(app))
            before, selected = rows_of(app.timeline), app.timeline.selected
            app.timeline.resize(510)
            await pilot.pause()
            await pilot.pause()
            assert (rows_of(app.timeline), app.timeline.selected) == (before, selected)

    async def test_back_at_the_end_it_follows_again(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            await pilot.press("k", "G")
            app.timeline.resize(503)
            await until(pilot, lambda: "step 503 " in shown(app))

    async def test_a_page_that_was_not_full_is_asked_for_again_when_it_grew(self) -> None:
        app = Story(150, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 150 " in shown(app))
            app.timeline.resize(160)
            await until(pilot, lambda: "step 160 " in shown(app))
            assert app.pages[-2:] == [(100, 200), (100, 200)]

    async def test_other_events_begin_where_they_are_told_to(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.timeline.show(400, 100.0, at_end=False)
            await until(pilot, lambda: "step 1 " in shown(app))
            assert (app.timeline.cursor, app.timeline.following) == (0, False)

    async def test_fewer_events_in_the_past_leave_the_cursor_on_the_last(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.timeline.resize(130)
            await until(pilot, lambda: "step 130 " in shown(app) and "step 131 " not in shown(app))
            assert (app.timeline.selected, app.timeline.following) == (step(130), True)

    async def test_and_none_is_selected_where_there_are_none(self) -> None:
        app = Story(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.timeline.resize(0)
            await until(pilot, lambda: "no events" in shown(app))
            app.timeline.resize(500)
            await until(pilot, lambda: app.timeline.selected == step(500) and "step 500 " in shown(app))


class TestFoundBefore:
    """Events that match may turn up before those that were there already."""

    async def test_at_the_end_the_newest_stays_on_the_screen(self) -> None:
        app = Story(50, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 50 " in shown(app))
            app.timeline.resize(90, before=40)
            await until(pilot, lambda: "step 90 " in shown(app))
            assert app.timeline.cursor == 89

    async def test_elsewhere_the_cursor_stays_on_its_event_and_where_it_was(self) -> None:
        app = Story(150, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 150 " in shown(app))
            await pilot.press("pageup", "pageup", "j")
            at = app.timeline.cursor - app.timeline.scroll_offset.y
            cursor = app.timeline.cursor
            app.timeline.resize(350, before=200)
            await until(pilot, lambda: f"step {cursor + 201} " in shown(app))
            assert app.timeline.cursor == cursor + 200
            assert app.timeline.cursor - app.timeline.scroll_offset.y == at

    async def test_what_was_supplied_is_asked_for_again(self) -> None:
        app = Story(50)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            asked = len(app.pages)
            app.timeline.resize(60, before=10)
            await until(pilot, lambda: len(app.pages) == asked + 1 and "step 11 " in shown(app))
