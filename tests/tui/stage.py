"""Parts of the tests of the screens: a clock that is set, files with simulated runs, and the text on the screen."""

import asyncio
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from rich.cells import cell_len
from textual import on
from textual.app import App, ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from store.database.arrival import FIELD, price_of
from store.database.writer import Writer
from store.model.decode import decode
from store.model.entry import Entry, StreamId
from store.model.event import Event
from store.model.event_type import TokenUsage
from store.model.fold import fold
from store.model.price import Price
from store.model.record import RunRow, Stored
from store.model.state import Run, RunState, empty
from tui.app import Treetop
from tui.demo import Published, Scenario, simulate
from tui.palette import DARK, DEFAULT_VARIABLES
from tui.widgets.node_tree import NodeTree
from tui.widgets.playbar import Playbar
from tui.widgets.rows import Rows
from tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONDITION_TIMEOUT_S = 30.0
"""Seconds after which a test fails that waits for a condition."""

URL = "redis://localhost:6379/0"
STREAM = "agent_events"

DAY = datetime(2025, 4, 28, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    """A time of the day on which all test runs happen, in the format of simulated publishers."""
    return DAY.replace(hour=hour, minute=minute, tzinfo=None)


FINISHED = Scenario(seed=1, nodes=30, topic="lighthouse", start=at(8, 30))
FAILED = Scenario(seed=2, nodes=24, topic="battery-recycling", ending="failed", start=at(9, 30))
OPEN = Scenario(seed=3, nodes=30, topic="heat-pumps", ending="failing-branch", items=2, start=at(10, 30))
PARALLEL = Scenario(seed=5, nodes=30, topic="heat-pumps", branches=8, start=at(10, 45))
LIVE = Scenario(seed=4, nodes=30, topic="small-databases", start=at(11, 30))


class Clock:
    """A clock that stands still until a test sets it."""

    def __init__(self, now: float = at(12).replace(tzinfo=UTC).timestamp()) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


# Runs


def entries_of(published: Iterable[Published], start: datetime) -> Iterator[Entry]:
    """The stream entries with these events."""
    begun = start.replace(tzinfo=UTC).timestamp()
    for number, event in enumerate(published):
        yield Entry(StreamId(int((begun + event.offset) * 1000), number), {FIELD: event.body})


def price(model: str, time: float, usage: TokenUsage) -> Price | None:
    """The price of a call of the simulated agents, whatever the bundled list says."""
    if model != "gpt-4o-mini":
        return None
    return Price((0.15 * (usage.prompt_tokens or 0) + 0.60 * (usage.completion_tokens or 0)) / 1e6, f"openai/{model}")


def event_of(entry: Entry) -> Event:
    """The event in an entry, with its price."""
    event = decode(entry.fields[FIELD], entry.at)
    return replace(event, price=price_of(event, price))


def store_run(path: Path, scenario: Scenario) -> str:
    """Store a simulated run with the times at which it happened. Returns its id."""
    published = list(simulate(scenario))
    with Writer(path, pricing=price) as writer:
        writer.append(list(entries_of(published, scenario.start)))
    return str(published[0].event["run_id"])


def state_of(scenario: Scenario, events: int | None = None) -> RunState:
    """The fold of the first events of a simulated run."""
    entries = islice(entries_of(simulate(scenario), scenario.start), events)
    found = [event_of(entry) for entry in entries]
    return fold(empty(found[0].run_id or ""), found)


def stored_of(scenario: Scenario) -> list[tuple[Stored, bytes]]:
    """The events of a simulated run as a reader returns them, each with its body."""
    found = []
    for position, entry in enumerate(entries_of(simulate(scenario), scenario.start), 1):
        event = event_of(entry)
        status = getattr(event.facts, "new_status", None) or getattr(event.facts, "status_after", None)
        found.append((Stored(position, position, event, event.facts.failed, None, status), entry.fields[FIELD]))
    return found


class Feed:
    """A run that continues during a test: stores the next events of a scenario, and moves the clock."""

    def __init__(self, path: Path, scenario: Scenario, clock: Clock, events: int) -> None:
        published = list(simulate(scenario))
        self.run_id = str(published[0].event["run_id"])
        self.total = len(published)
        self._entries = list(entries_of(published, scenario.start))
        self._begun = scenario.start.replace(tzinfo=UTC).timestamp()
        self._offsets = [event.offset for event in published]
        self._writer = Writer(path, pricing=price)
        self._clock = clock
        self.stored = 0
        self.more(events)

    def more(self, events: int) -> None:
        """Store the next events."""
        self._writer.append(self._entries[self.stored : self.stored + events])
        self.stored = min(self.stored + events, self.total)
        self._clock.now = self._begun + self._offsets[self.stored - 1] + 1.0

    def rest(self) -> None:
        """Store all remaining events."""
        self.more(self.total - self.stored)

    def close(self) -> None:
        self._writer.close()


# Apps


class Frame(Container):
    """A container that records the messages of its widget. An app would miss those that are posted while it is drawn."""

    @on(NodeTree.Needed)
    @on(Playbar.Sought)
    @on(Rows.Moved)
    @on(Rows.Selected)
    @on(Timeline.Needed)
    def _record(self, message: Message) -> None:
        app = self.app
        assert isinstance(app, WidgetApp)
        app.receive(message)


class WidgetApp(App[None]):
    """An app with one widget and the theme of treetop, which records the widget's messages."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.messages: list[Any] = []
        self.animation_level = "none"
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        with Frame():
            yield self.widget

    def on_mount(self) -> None:
        self.widget.focus()

    def receive(self, message: Message) -> None:
        """Record a message."""
        self.messages.append(message)

    def received(self, kind: type[Message]) -> list[Any]:
        """The messages of a type, oldest first."""
        return [message for message in self.messages if isinstance(message, kind)]


def treetop(path: Path, clock: Callable[[], float], run: str | None = None, **options: Any) -> Treetop:
    """The application on a file, without an ingester."""
    app = Treetop(path, URL, [STREAM], run, ingest=False, clock=clock, **options)
    app.animation_level = "none"
    return app


MAX_MESSAGE_HOPS = 8
"""Maximum number of widgets that a key passes, and that the messages it causes pass after it."""

IDLE_ROUNDS = 2
"""Number of consecutive rounds through all widgets that leave no message behind. A handler that is at work in the first
one ends in the second."""


class Hands(Pilot[Any]):
    """Presses keys, each after the messages that the previous key caused were processed.

    Textual's own pilot waits for an idle processor instead. A process that polls a file for changes is never idle.
    """

    async def press(self, *keys: str) -> None:
        for key in keys:
            await super().press(key)
            await self.settle()

    def _is_at_work(self) -> bool:
        """Whether a message waits in a queue, or a key is being handled."""
        app, screens = self.app, self.app.screen_stack if self.app.is_running else []
        nodes = [app, *(screens[-1].walk_children(with_self=True) if screens else ())]
        keys = any(worker.group == "keys" and not worker.is_finished for worker in app.workers)
        return keys or any(node.message_queue_size or node._next_callbacks for node in nodes)

    async def settle(self) -> None:
        """Wait until every widget has processed its messages, and the screen is drawn."""
        rounds = 0
        for _ in range(MAX_MESSAGE_HOPS):
            await self._wait_for_screen()
            rounds = 0 if self._is_at_work() else rounds + 1
            if rounds == IDLE_ROUNDS:
                break
        drawn, screen = asyncio.Event(), self.app.screen if self.app.is_running else None
        if screen is not None and screen.call_after_refresh(drawn.set):
            deadline = time.monotonic() + CONDITION_TIMEOUT_S
            while self.app.is_running:
                if self.app.screen is not screen:  # the screen was closed, and may never be drawn again
                    await self.settle()
                    break
                if drawn.is_set() and screen._compositor.size:
                    break
                assert time.monotonic() < deadline, "the screen was not drawn"
                await asyncio.sleep(0.001)
                with suppress(TimeoutError):
                    await asyncio.wait_for(drawn.wait(), 0.05)


async def skip_idle_wait(*_: float) -> None:
    """Replaces the wait for an idle processor."""
    await asyncio.sleep(0)


@asynccontextmanager
async def watching(app: App[Any], width: int = 120, height: int = 36) -> "AsyncIterator[Hands]":
    """The application on a terminal of this size."""
    async with app.run_test(size=(width, height), notifications=True):
        pilot = Hands(app)
        await pilot.settle()
        await pilot.settle()
        yield pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait for a condition. At most half of the time is spent on looking."""
    began = time.monotonic()
    deadline = began + CONDITION_TIMEOUT_S
    while not condition():
        now = time.monotonic()
        if now > deadline:
            raise AssertionError("the condition was not met; the screen was\n" + "\n".join(lines(pilot.app)))
        await pilot.pause(max(0.005, now - began))
        began = time.monotonic()


async def sees(pilot: Pilot[Any], *texts: str) -> None:
    """Wait until these texts are on the screen."""

    def seen() -> bool:
        screen = shown(pilot.app)
        return all(text in screen for text in texts)

    await until(pilot, seen)


# The screen


def strips(app: App[Any]) -> list[Any]:
    """The lines that the compositor passes to the terminal."""
    return list(app.screen._compositor.render_strips())


def lines(app: App[Any]) -> list[str]:
    """The text of each line of the screen."""
    return ["".join(segment.text for segment in strip) for strip in strips(app)]


def shown(app: App[Any]) -> str:
    """The text of the screen."""
    return "\n".join(lines(app))


def line_with(app: App[Any], text: str) -> str:
    """The first line of the screen that contains a text."""
    return next((line for line in lines(app) if text in line), "")


def rows_of(widget: Widget) -> list[str]:
    """The text of each line of a widget."""
    region = widget.scrollable_content_region
    found = []
    for line in lines(widget.app)[region.y : region.bottom]:
        at, part = 0, ""
        for character in line:
            if region.x <= at < region.right:
                part += character
            at += cell_len(character)
        found.append(part)
    return found


def is_control(character: str) -> bool:
    """Whether a terminal interprets the character, or disagrees about its width."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in BIDI


BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def faults(app: App[Any]) -> list[str]:
    """Everything on the screen that must not reach a terminal: controls, live actions, lines of a wrong width."""
    found = []
    width = app.size.width
    for number, strip in enumerate(strips(app)):
        text = "".join(segment.text for segment in strip)
        found += [f"line {number}: {character!r} in {text!r}" for character in text if is_control(character)]
        if cell_len(text) != width:
            found.append(f"line {number} is {cell_len(text)} cells wide, not {width}: {text!r}")
        for segment in strip:
            meta = segment.style.meta if segment.style is not None else {}
            found += [f"line {number}: action {value!r}" for key, value in meta.items() if key == "@click"]
            if segment.style is not None and segment.style.link:
                found.append(f"line {number}: link {segment.style.link!r}")
    return found


def row_of(run: Run, key: int = 1, size: int = 100, gaps: int = 0, pinned: bool = False) -> RunRow:
    """A row of the list of runs."""
    return RunRow(key=key, generation=0, last_seq=key, bytes=size, gaps=gaps, pinned=pinned, run=run)
