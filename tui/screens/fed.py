"""A screen that is kept up to date from the file: it reads when the file changed and it is the one being looked at."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from textual import events, on, work
from textual._styles_cache import StylesCache
from textual.message import Message
from textual.screen import Screen

from store.errors import RunChanged, StoreError
from store.reader import Reader
from tui.text import clean
from tui.theme import Glyphs

FRAME = 1 / 50
"""Seconds between two readings at least: more often than the eye can follow helps nobody."""


SHARE, LONGEST = 0.4, 0.25
"""Of a processor, what may be spent on showing what happens by itself: where that is much, it is shown less often. Seconds
between two readings at most for that reason."""

AGAIN = 1.0
"""Seconds after which what could not be read is tried again."""


class FedScreen(Screen[None]):
    """Subclasses give `read`, called with an open file whenever there may be news, and `tick`, called every second.

    Both may still be at it when the screen was closed. So they hold on to the widgets that they fill: a query would not
    find them any more.
    """

    class Shown(Message):
        """The screen is the one being looked at now."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float]) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.clock = clock
        self.reader: Reader | None = None
        """The file, None until it is open."""
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._reading = False

    async def read(self, reader: Reader) -> None:
        """Show what the file holds now."""
        raise NotImplementedError

    def tick(self) -> None:
        """A second went by."""

    def back(self) -> bool:
        """One level back within the screen; False when there is none."""
        return False

    def news(self, reader: Reader | None) -> None:
        """The file changed, or there is another one."""
        self.reader = reader
        self._news.set()

    @property
    def looked_at(self) -> bool:
        """Is nothing above this screen but dialogs? (`is_current` is also true beneath a screen that hides it whole.)"""
        stack = self.app.screen_stack
        return self in stack and all(screen.is_modal for screen in stack[stack.index(self) + 1 :])

    @property
    def at_rest(self) -> bool:
        """Is everything that the file is known to hold on the screen?"""
        return self.reader is not None and not self._news.is_set() and not self._reading

    def soon(self) -> None:
        """The user asked for something that has to be read: do not wait for the next frame."""
        self._news.set()
        self._urgent.set()

    def later(self) -> None:
        """Something could not be read: try again in a while, also if nothing changes."""
        self.set_timer(AGAIN, self._news.set)

    def say(self, error: StoreError) -> None:
        """Tell the user what is wrong."""
        self.notify(clean(str(error)), severity="error", markup=False, timeout=10)

    def do(self, work: Callable[[], Awaitable[None]], group: str, exclusive: bool = True) -> None:
        """Do something with the file, in the place of what the group was at."""
        careful: Callable[[], Awaitable[bool]] = partial(self._try, work)
        self.run_worker(careful, group=group, exclusive=exclusive)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do something with the file, and say what the file has against it, if anything."""
        try:
            await work()
        except RunChanged:  # the next look tells what became of it
            self.soon()
            return False
        except StoreError as error:
            self.say(error)
            return False
        return True

    @on(events.Mount)
    def _begin(self) -> None:
        self.set_interval(1.0, self._ticked)
        self._feed()

    @work
    async def _feed(self) -> None:
        readings = 0
        while True:
            await self._news.wait()
            self._news.clear()
            self._urgent.clear()
            begun, spent = time.monotonic(), time.process_time()
            if self.reader is not None and self.looked_at:
                self._reading = True
                try:
                    await self.read(self.reader)
                    readings += 1
                except StoreError as error:
                    self.say(error)
                    self.later()
                finally:
                    self._reading = False
            await self._rest(FRAME)
            busy, passed = time.process_time() - spent, time.monotonic() - begun
            if readings > 1:  # the first was for who opened the screen, not for what happens by itself
                await self._rest(min(busy / SHARE - passed, LONGEST))

    @on(events.Unmount)
    def _forget(self) -> None:
        """Let go of the lines that were drawn: Textual remembers a thousand widgets' caches of them after their end.

        https://github.com/Textualize/textual/issues/6665; there is nothing in that cache that is not worked out at once.
        """
        StylesCache.get_inner_outer.cache_clear()

    async def _rest(self, seconds: float) -> None:
        """Wait, unless the user wants something."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._urgent.wait()

    def _ticked(self) -> None:
        if self.looked_at:
            self.tick()

    @on(events.ScreenResume)
    def _resumed(self) -> None:
        self._news.set()
        self.post_message(self.Shown())
