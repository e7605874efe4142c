"""A screen that can go back in time: the keys of time travel, and what they do. What is shown is its subclass' matter."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import ActiveBinding, Binding, BindingType
from textual.timer import Timer
from textual.widgets import Input

from store.view import View
from tui.models import seek
from tui.screens.fed import FRAME, FedScreen
from tui.screens.travel import Travel
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.playbar import Playbar

TRAVELLING = ("step", "edge", "play", "speed", "first", "last", "live")
"""Actions that there are only in time travel; their keys mean something else outside it."""


class TravelScreen(FedScreen):
    """Looks at a run through a view, at the position of its `Travel`. Subclasses show that, in `read`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "t",
            "travel",
            "Time travel",
            id="run.travel",
            tooltip="Into the past, from the timeline to its event; or back to now",
        ),
        Binding("space", "play", "Play", id="travel.play", priority=True, tooltip="Play the run, or pause"),
        Binding("right_square_bracket", "step(1)", "Event", key_display="[ ]", id="travel.step", tooltip="One event on"),
        Binding("left_square_bracket", "step(-1)", "Event before", id="travel.back", show=False, tooltip="One event back"),
        Binding(
            "full_stop",
            "edge(1)",
            "Node's step",
            key_display=", .",
            id="travel.edge",
            tooltip="To the node's next step or status",
        ),
        Binding("comma", "edge(-1)", "Step before", id="travel.edge-back", show=False, tooltip="To the one before"),
        Binding("greater_than_sign", "speed(1)", "Faster", id="travel.faster", show=False, tooltip="Play faster"),
        Binding("less_than_sign", "speed(-1)", "Slower", id="travel.slower", show=False, tooltip="Play slower"),
        Binding(
            "T",
            "seek",
            "Go to",
            id="travel.seek",
            tooltip="To a time, a part or an event",
        ),
        Binding("home", "first", "First event", id="travel.first", show=False, priority=True, tooltip="To the first event"),
        Binding("end", "last", "Last event", id="travel.last", show=False, priority=True, tooltip="To the last event"),
        Binding("L", "live", "Now", id="travel.live", tooltip="Back to how the run is now"),
    ]

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float]) -> None:
        super().__init__(glyphs, clock)
        self._view: View | None = None
        """None: not open yet."""
        self._travel = Travel()
        self._player: Timer | None = None
        self._turn = asyncio.Lock()
        """Held by the key that is being followed to where it leads: the next one starts from there."""

    def on_mount(self) -> None:
        self._player = self.set_interval(FRAME, self._play, pause=True)

    # For subclasses

    @property
    def selected_key(self) -> int | None:
        """The key of the node whose steps `,` and `.` go to."""
        raise NotImplementedError

    @property
    def pointed_at(self) -> int | None:
        """The position of the event that time travel is to begin at; None for the end of the run."""
        raise NotImplementedError

    def entering(self) -> None:
        """Time travel is about to begin."""

    def leaving(self) -> None:
        """Time travel is about to end."""

    def travelled(self) -> None:
        """There is another position, or none any more."""
        raise NotImplementedError

    def answered(self, name: str) -> None:
        """What was typed into the input of this name was taken in: the keys go elsewhere again."""
        raise NotImplementedError

    def ask(self, name: str) -> None:
        """Open the input of this name."""
        box = self.query_one(f"#{name}", Input)
        box.add_class("-open")
        box.focus()

    def find(self, search: Callable[[], Awaitable[None]]) -> None:
        """Look for the place where a key leads to, from where the keys before it led."""
        if self._view is not None:
            self.do(partial(self._in_turn, search), "find", exclusive=False)

    async def _in_turn(self, search: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            await search()

    # Time travel

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some keys are those of time travel only; while something is typed, none is."""
        if action in TRAVELLING:
            return self._travel.active and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """In time travel the line of keys has those of time travel only, there is no room for others; else, none of it."""
        travelling = self._travel.active
        shown = ("travel.", "app.help", "app.leave") if travelling else ("travel.",)
        return {
            key: active
            if not active.binding.show
            or (active.binding.id or "").startswith(shown if travelling else ("travel.",)) is travelling
            else active._replace(binding=replace(active.binding, show=False))
            for key, active in super().active_bindings.items()
        }

    def go(self, position: int | None) -> None:
        """To a position of the past, or back to the end."""
        view = self._view
        if view is None:
            return
        if position is None and self._travel.active:
            self.leaving()
        elif position is not None and not self._travel.active:
            self.entering()
        self._travel.go(None if position is None else max(0, min(position, view.end)))
        self._travelled()

    def leap(self, position: int | None) -> None:
        """To a position, wherever keys that are being followed would lead."""
        self.workers.cancel_group(self, "find")
        self.go(position)

    def _travelled(self) -> None:
        if self._player is not None:
            (self._player.resume if self._travel.playing else self._player.pause)()
        self.refresh_bindings()
        self.travelled()

    def action_travel(self) -> None:
        if self._view is not None:
            self.leap(None if self._travel.active else self._view.end if self.pointed_at is None else self.pointed_at)

    def action_live(self) -> None:
        self.leap(None)

    def action_step(self, step: int) -> None:
        self._pause()
        self.find(partial(self._step, step))

    async def _step(self, step: int) -> None:
        if self._travel.position is not None:
            self.go(self._travel.position + step)

    def action_first(self) -> None:
        self.leap(1)

    def action_last(self) -> None:
        if self._view is not None:
            self.leap(self._view.end)

    def action_edge(self, step: int) -> None:
        self._pause()
        self.find(partial(self._next_edge, step))

    async def _next_edge(self, step: int) -> None:
        view, key, here = self._view, self.selected_key, self._travel.position
        if view is not None and key is not None and here is not None:
            found = await view.file.boundary(key, here, step)
            if found is not None:
                self.go(found)

    def action_play(self) -> None:
        if self._travel.playing:
            self._pause()
        elif self._view is not None:
            if self._travel.position == self._view.end:
                self._travel.go(0)
            self._travel.play()
        self._travelled()

    def _pause(self) -> None:
        self._travel.pause()
        self.soon()

    def action_speed(self, step: int) -> None:
        (self._travel.faster if step > 0 else self._travel.slower)()
        self.soon()

    async def _play(self) -> None:
        if self._view is not None and self._travel.playing:
            before = self._travel.position
            if not await self._try(partial(self._travel.advance, self._view)):
                self._pause()
            if self._travel.position != before or not self._travel.playing:
                self._travelled()

    @on(Playbar.Sought)
    def _sought(self, message: Playbar.Sought) -> None:
        self._pause()
        self.leap(message.position)

    def action_seek(self) -> None:
        self.ask("seek")

    @on(Input.Submitted, "#seek")
    async def _seek(self, event: Input.Submitted) -> None:
        view = self._view
        if view is None:
            return
        try:
            target = seek.parse(event.value)
        except ValueError as error:
            said = f"{event.value!r} is no place in a run: {error}" if event.value.strip() else str(error)
            self.notify(clean(said), severity="error", markup=False, timeout=4)
            return
        event.input.value = ""
        event.input.remove_class("-open")
        self.answered("seek")
        await self._try(partial(self._leap_to, view, target))

    async def _leap_to(self, view: View, target: seek.Target) -> None:
        here = view.end if self._travel.position is None else self._travel.position
        self.leap(await self._travel.place(view, target, here))
