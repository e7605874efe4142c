"""The timeline of a run. Only visible pages are in memory."""

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from textual.message import Message

from store.model import event_type as ev
from store.model.event import Event
from store.model.record import Stored
from tests.tui.stage import WidgetApp, line_with, lines, rows_of, sees, shown, until, watching
from tui.models.snapshot import PAGE, EventRows
from tui.theme import Glyphs
from tui.widgets.timeline import MAX_PAGES, Timeline

NIDS: dict[str, tuple[int | None, str | None, str | None]] = {
    "root": (1, "", None),
    "a": (2, "1", ""),
    "x": (3, "0", "1"),
    "y": (4, "0", ""),
    "ghost": (5, None, None),
    "unnamed": (None, None, None),
}
"""Key of a node, its planner's name, and that of its parent."""


def step(position: int, node_id: str = "a") -> Stored:
    facts = ev.StepFinished(node_id=node_id, step=position, action_name="plan", status_after="DOING", duration_seconds=4.2)
    event = Event(f"e{position}", facts.type, 100.0 + position, "run", facts)
    return Stored(position, position, event, False, None, None, *NIDS[node_id])


class TimelineApp(WidgetApp):
    """An app with a timeline, which receives the events that it requests."""

    def __init__(self, count: int, at_end: bool = False, events: Sequence[Stored] = (), answers: bool = True) -> None:
        self.timeline = Timeline(Glyphs(), id="timeline")
        super().__init__(self.timeline)
        self._how_many, self._at_end, self._events, self._answers = count, at_end, events, answers

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.fill, self._how_many, self._at_end)

    def fill(self, count: int, at_end: bool) -> None:
        """List other events."""
        self.timeline.listed = EventRows((), count, 100.0, fresh=True, at_end=at_end)

    def resize(self, count: int, added: int = 0) -> None:
        """List another number of the same events; the first `added` of them are new."""
        self.timeline.listed = EventRows((), count, 100.0, added)

    def receive(self, message: Message) -> None:
        super().receive(message)
        if isinstance(message, Timeline.Needed) and self._answers:
            last = min(message.last, self.timeline.count)  # the file has no more
            events = self._events or [step(at + 1) for at in range(message.first, last)]
            self.timeline.supply(message.first, events)

    @property
    def pages(self) -> list[tuple[int, int]]:
        """The requested pages."""
        return [(message.first, message.last) for message in self.received(Timeline.Needed)]


class TestPages:
    """The timeline requests only the visible pages."""

    async def test_the_first_page_is_requested(self) -> None:
        app = TimelineApp(1_000_000)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            assert app.pages == [(0, PAGE)]

    async def test_the_last_page_is_requested_when_it_is_visible(self) -> None:
        app = TimelineApp(1_000_000)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            await pilot.press("G")
            await until(pilot, lambda: "step 1000000" in shown(app))
            assert app.pages == [(0, PAGE), (1_000_000 - PAGE, 1_000_000)]

    async def test_two_pages_are_requested_where_they_meet(self) -> None:
        app = TimelineApp(1_000)
        async with watching(app, 80, 20) as pilot:
            app.timeline.scroll_to(y=90, animate=False)
            await until(pilot, lambda: "step 110 " in shown(app))
            assert sorted(app.pages) == [(0, 100), (100, 200)]

    async def test_each_page_is_requested_once(self) -> None:
        app = TimelineApp(1_000, answers=False)
        async with watching(app, 80, 20) as pilot:
            await pilot.press("j", "j", "k", "pagedown")
            assert app.pages == [(0, PAGE)]

    async def test_rows_are_blank_until_their_page_arrives(self) -> None:
        app = TimelineApp(1_000, answers=False)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: rows_of(app.timeline)[5].strip() == "…")

    async def test_visited_pages_stay_in_memory(self) -> None:
        app = TimelineApp(1_000_000)
        async with watching(app, 80, 20) as pilot:
            for page in range(0, 2 * MAX_PAGES, 2):
                app.timeline.scroll_to(y=page * PAGE, animate=False)
                await sees(pilot, f"step {page * PAGE + 1} ")
            asked = len(app.pages)
            app.timeline.scroll_to(y=10 * PAGE, animate=False)
            await until(pilot, lambda: f"step {10 * PAGE + 1} " in shown(app))
            assert len(app.pages) == asked

    async def test_dropped_pages_are_requested_again(self) -> None:
        app = TimelineApp(1_000_000)
        async with watching(app, 80, 20) as pilot:
            for page in range(MAX_PAGES + 2):
                app.timeline.scroll_to(y=2 * page * PAGE, animate=False)
                await sees(pilot, f"step {2 * page * PAGE + 1} ")
            app.timeline.scroll_to(y=0, animate=False)
            await until(pilot, lambda: "step 1 " in shown(app))
            assert app.pages.count((0, PAGE)) == 2

    async def test_a_page_with_fewer_events_than_expected_is_shown(self) -> None:
        app = TimelineApp(50, events=[step(1)])
        async with watching(app, 80, 20) as pilot:
            await pilot.press("G")
            await until(pilot, lambda: "step 1 " in shown(app) or app.timeline.selected is None)


class TestRows:
    """A line shows the time, type, task, facts and duration of an event."""

    async def test_a_line_shows_the_facts_of_an_event(self) -> None:
        app = TimelineApp(3)
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "step 2 " in shown(app))
            line = line_with(app, "step 2 ")
            assert all(text in line for text in ("0:02.0", "└ step done", " 1 ", "step 2 · plan → DOING", "4.2s"))

    @pytest.mark.parametrize(("node_id", "name"), [("a", " 1 "), ("root", " root "), ("x", " 1/0 "), ("y", " root/0 ")])
    async def test_the_task_is_shown_by_an_unambiguous_name(self, node_id: str, name: str) -> None:
        app = TimelineApp(1, events=[step(1, node_id)])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: name in line_with(app, "step 1 "))

    async def test_an_event_without_a_task_shows_no_name(self) -> None:
        app = TimelineApp(1, events=[step(1, "unnamed")])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            between = line_with(app, "step 1 ").partition("step done")[2].partition("step 1 ")[0]
            assert between.strip() == ""

    async def test_an_unknown_type_shows_its_own_name(self) -> None:
        other = Stored(1, 1, Event("e", "brain_dumped", 100.0, "run", ev.Other(step=3)), False, None, None)
        app = TimelineApp(1, events=[other])
        async with watching(app, 100, 20) as pilot:
            await until(pilot, lambda: "brain_du…" in shown(app))

    async def test_an_empty_timeline_shows_a_hint(self) -> None:
        app = TimelineApp(0)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "No event yet." in shown(app))

    @pytest.mark.parametrize("width", [1, 8, 20, 56, 70, 120])
    async def test_every_line_is_as_wide_as_the_pane(self, width: int) -> None:
        app = TimelineApp(100)
        async with watching(app, width, 20) as pilot:
            await pilot.press("pagedown")
            assert {cell_len(line) for line in lines(app)} == {width}


class TestFollowing:
    """The cursor follows new events at the end, and stays anywhere else."""

    async def test_the_cursor_at_the_end_follows_new_events(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.resize(510)
            await until(pilot, lambda: "step 510 " in shown(app))
            assert app.timeline.selected == step(510)

    async def test_the_cursor_elsewhere_stays_on_its_event(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            await pilot.press("pageup", "pageup", "j")
            await until(pilot, lambda: "step 463 " in shown(app))
            before, selected = rows_of(app.timeline), app.timeline.selected
            app.resize(510)
            await pilot.pause()
            await pilot.pause()
            assert (rows_of(app.timeline), app.timeline.selected) == (before, selected)

    async def test_following_resumes_at_the_end(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            await pilot.press("k", "G")
            app.resize(503)
            await until(pilot, lambda: "step 503 " in shown(app))

    async def test_a_partial_page_is_requested_again_when_it_grows(self) -> None:
        app = TimelineApp(150, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 150 " in shown(app))
            app.resize(160)
            await until(pilot, lambda: "step 160 " in shown(app))
            assert app.pages[-2:] == [(100, 200), (100, 200)]

    async def test_a_fresh_list_starts_at_the_requested_row(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.fill(400, at_end=False)
            await until(pilot, lambda: "step 1 " in shown(app))
            assert (app.timeline.cursor, app.timeline.place.following) == (0, False)

    async def test_a_shorter_list_leaves_the_cursor_on_its_last_row(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.resize(130)
            await until(pilot, lambda: "step 130 " in shown(app) and "step 131 " not in shown(app))
            assert (app.timeline.selected, app.timeline.place.following) == (step(130), True)

    async def test_an_empty_list_selects_no_event(self) -> None:
        app = TimelineApp(500, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 500 " in shown(app))
            app.resize(0)
            await until(pilot, lambda: "No event yet." in shown(app))
            app.resize(500)
            await until(pilot, lambda: app.timeline.selected == step(500) and "step 500 " in shown(app))


class TestFoundBefore:
    """Matching events can be found before those that are listed."""

    async def test_the_newest_event_stays_visible_at_the_end(self) -> None:
        app = TimelineApp(50, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 50 " in shown(app))
            app.resize(90, added=40)
            await until(pilot, lambda: "step 90 " in shown(app))
            assert app.timeline.cursor == 89

    async def test_the_cursor_elsewhere_stays_on_its_event_and_its_line(self) -> None:
        app = TimelineApp(150, at_end=True)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 150 " in shown(app))
            await pilot.press("pageup", "pageup", "j")
            at = app.timeline.cursor - app.timeline.scroll_offset.y
            cursor = app.timeline.cursor
            app.resize(350, added=200)
            await until(pilot, lambda: f"step {cursor + 201} " in shown(app))
            assert app.timeline.cursor == cursor + 200
            assert app.timeline.cursor - app.timeline.scroll_offset.y == at

    async def test_changed_pages_are_requested_again(self) -> None:
        app = TimelineApp(50)
        async with watching(app, 80, 20) as pilot:
            await until(pilot, lambda: "step 1 " in shown(app))
            asked = len(app.pages)
            app.resize(60, added=10)
            await until(pilot, lambda: len(app.pages) == asked + 1 and "step 11 " in shown(app))
