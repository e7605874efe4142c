"""`\\` filters the timeline by words and types."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from store.database.writer import Writer
from store.model.record import Match
from tests.database.test_listing import matches
from tests.recorder import Recorder
from tests.tables import events_of
from tests.tui.run_stage import focused, inspector, opened, position, selected, timeline
from tests.tui.stage import LIVE, Clock, Feed, lines, rows_of, sees, shown, treetop, until, watching
from tui import format as fmt
from tui.app import Treetop
from tui.screens.run import RunScreen


def typed(app: Treetop) -> Input:
    return app.screen.query_one("#filter", Input)


async def filtered(pilot: Pilot[Any], text: str) -> None:
    """Open the filter and type a text."""
    await pilot.press("backslash")
    await until(pilot, lambda: focused(pilot.app) == "filter")  # type: ignore[arg-type]
    await pilot.press(*text)


def positions(app: Treetop, match: Match, first: int = 1) -> list[int]:
    """Positions of the matching events of the run on the screen."""
    assert isinstance(app.screen, RunScreen)
    found = events_of(app.path, app.screen.run_id)
    return [at for at, event in enumerate(found, 1) if at >= first and matches(event, match)]


class TestTyping:
    """The timeline changes while the filter is typed."""

    async def test_words_leave_the_events_that_contain_them(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "timeout")
            await sees(pilot, "Timeline of the run: 1 event that matches")
            await until(pilot, lambda: "timeout" in rows_of(timeline(app))[0])

    async def test_the_timeline_changes_with_each_character(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "f")
            for letter in "inish":
                await pilot.press(letter)
            wanted = positions(app, Match(words="finish"))
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(wanted), 'event')} that match")
            await pilot.press("backspace", "backspace", "backspace")
            wanted = positions(app, Match(words="fin"))
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(wanted), 'event')} that match")

    async def test_a_filter_without_matches_empties_the_inspector(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "3")
            await until(pilot, lambda: "4 Event" in shown(app) and inspector(app).strip())
            await filtered(pilot, "no such words")
            await until(pilot, lambda: not timeline(app).count and not inspector(app).strip())
            await pilot.press("escape")
            await until(pilot, lambda: timeline(app).count and inspector(app).strip())

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("type:llm", Match(types=frozenset({"llm_call_started", "llm_call_completed"}))),
            ("type:error", Match(failed=True)),
            ("type:step done", Match(frozenset({"step_started", "step_finished"}), "done")),
            ("[/]", Match(words="[/]")),
            ("100%", Match(words="100%")),
        ],
    )
    async def test_types_and_special_characters_match(self, book: Path, clock: Clock, text: str, match: Match) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, text)
            wanted = positions(app, match)
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(wanted), 'event')} that match")
            if not wanted:
                await sees(pilot, "No event of the run matches.")

    async def test_an_unknown_type_is_reported(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "type:unknown[b]")
            await sees(pilot, "run: 0 events, no such type", "there is no type unknown[b].", "Types are run, step, status")
            await pilot.press("escape", "backslash", *"type:edge nothing")
            await sees(pilot, "Timeline of the run: 0 events that match", "No event of the run matches.")
            await until(pilot, lambda: "no such type" not in shown(app) and "Types are" not in shown(app))

    async def test_an_additional_type_of_an_agent_is_known(self, here: Path, clock: Clock) -> None:
        with Writer(Path("treetop.db")) as writer:
            writer.append(Recorder().root("book").emit("brain_dumped", {"node_id": "book"}).entries)
        app = treetop(Path("treetop.db"), clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "type:brain_dump")
            await sees(pilot, "there is no type brain_dump.")
            await pilot.press("e", "d")
            await sees(pilot, "Timeline of the run: 1 event that matches")

    async def test_keys_are_text_while_the_prompt_is_open(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "q1[]{} L")
            assert typed(app).value == "q1[]{} L"
            assert isinstance(app.screen, RunScreen)
            await pilot.press("home", "x")
            assert typed(app).value == "xq1[]{} L"

    async def test_the_prompt_shows_examples(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "backslash")
            await sees(pilot, "words, type:plan, type:llm, type:error")


class TestKeeping:
    """Enter keeps the filter, Escape clears it."""

    async def test_enter_goes_to_the_timeline_and_the_filter_stays(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "type:llm")
            await pilot.press("enter")
            await until(pilot, lambda: focused(app) == "timeline")
            assert typed(app).display
            wanted = positions(app, Match(types=frozenset({"llm_call_started", "llm_call_completed"})))
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(wanted), 'event')} that match")
            for key, at in (("g", 0), ("j", 1), ("G", -1)):
                await pilot.press(key)
                await until(pilot, lambda: position(app) == wanted[at])  # noqa: B023

    async def test_enter_on_an_empty_prompt_closes_it(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "backslash", "enter")
            await until(pilot, lambda: focused(app) == "timeline" and not typed(app).display)

    async def test_escape_clears_the_filter(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "timeout")
            await sees(pilot, "1 event that matches")
            await pilot.press("escape")
            await sees(pilot, "Timeline of the run: 45 events")
            await until(pilot, lambda: "that match" not in shown(app) and not typed(app).display)
            await until(pilot, lambda: focused(app) == "timeline")

    async def test_the_inspector_shows_a_matching_event(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "timeout")
            await pilot.press("enter")
            await sees(pilot, "4 Event", "llm_call_completed")


class TestScopes:
    """The filter applies to node, subtree and run, now and in the past."""

    async def test_a_filter_applies_to_the_selected_node(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot)
            await filtered(pilot, "type:llm")
            await sees(pilot, "Timeline of this task: 2 events that match")
            await pilot.press("enter", "2", "G")
            await until(pilot, lambda: selected(app) == "write")
            await sees(pilot, "Timeline of this task: 4 events that match")

    async def test_a_filter_applies_to_the_subtree(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b")
            await filtered(pilot, "type:llm")
            await sees(pilot, "this task and all beneath: 8 events that match")

    async def test_a_filter_applies_to_new_events(self, path: Path, clock: Clock) -> None:
        feed = Feed(path, LIVE, clock, 100)
        app = treetop(path, clock)
        match = Match(types=frozenset({"step_started", "step_finished"}))
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b")
            await filtered(pilot, "type:step")
            await pilot.press("enter")
            for _ in range(5):
                feed.more(40)
                await sees(pilot, f"Timeline of the run: {fmt.counted(len(positions(app, match)), 'event')} that match")
                await until(pilot, lambda: timeline(app).cursor == timeline(app).count - 1)
            feed.rest()
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(positions(app, match)), 'event')} that match")
        feed.close()

    async def test_a_filter_in_the_past_finds_events_up_to_the_position(self, book: Path, clock: Clock) -> None:
        app = treetop(book, clock)
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "t")
            await sees(pilot, "PAST")
            await filtered(pilot, "type:llm")
            await pilot.press("enter", "2", "T", *"10", "enter")
            there = positions(app, Match(types=frozenset({"llm_call_started", "llm_call_completed"})))
            await sees(
                pilot, f"Timeline of the run: {fmt.counted(len([at for at in there if at <= 10]), 'event')} that match"
            )
            await pilot.press("end")
            await sees(pilot, f"Timeline of the run: {fmt.counted(len(there), 'event')} that match")

    async def test_the_title_shows_the_progress_of_a_filter_in_a_long_run(
        self, here: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And ends with all."""
        monkeypatch.setattr("store.database.listing.SCAN_EVENTS", 40)
        monkeypatch.setattr("store.database.listing.SCAN_PART_S", 0.0)
        made = Recorder().root("book")
        for number in range(400):
            made.status("book", "READY" if number % 2 else "DOING")
        with Writer(Path("treetop.db")) as writer:
            writer.append(made.entries)
        app = treetop(Path("treetop.db"), clock)
        titles = set[str]()
        async with watching(app, 140, 40) as pilot:
            await opened(pilot, "b", "b", "backslash")
            app.screen.watch(timeline(app), "caption", lambda title: titles.add(title))
            await pilot.press(*"DOIN", "G")
            await sees(pilot, "Timeline of the run: 200 events that match─")
            await until(pilot, lambda: "looked through" not in lines(app)[2])
            await until(pilot, lambda: timeline(app).cursor == 199)
        assert any("looked through" in title for title in titles)
