"""Base of the screens that show what the file contains: reads it again whenever it changes while the screen is visible."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import events, on, work
from textual._styles_cache import StylesCache
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from store.database.reader import Reader
from store.errors import FileBusy, RunChanged, StoreError
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.prompt import Prompt
from tui.widgets.rows import Rows
from tui.widgets.status_bar import StatusBar

LIST_KEYS = ("row.open", "statistics.sort", "spans.sort", "all-runs.sort")
"""Ids of the bindings that have no effect on a list without rows."""

FRAME_S = 1 / 50
"""Minimum time between two readings, in seconds."""

CPU_SHARE = 0.4
"""Maximum share of a processor that readings without a key press take. Slow readings are repeated less often for it."""

MAX_REST_S = 0.25
"""Maximum time between two readings, in seconds, that `CPU_SHARE` causes."""

RETRY_S = 1.0
"""Seconds after which a failed reading is repeated."""


class FedScreen(Screen[None]):
    """Subclasses implement `read`, and `tick` if they show the time.

    Both can be running when the screen is closed, so that queries no longer find its widgets: subclasses keep references
    to the widgets that they fill.
    """

    START: ClassVar[Sequence[tuple[str, str]]] = ()
    """The first questions of a user and their answers, for the help."""

    class Shown(Message):
        """The screen became visible."""

    idle_keys: reactive[frozenset[str]] = reactive(frozenset(("app.newest",)), repaint=False)
    """Ids of the bindings that have no effect at present, which the line of keys omits."""
    newest_live: reactive[str | None] = reactive(None, init=False, repaint=False)
    """Id of the newest live run; None if there is none."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float]) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.clock = clock
        self.reader: Reader | None = None
        """None until the file is open."""
        self.rows: Rows | None = None
        """The list that fills the screen, if there is one."""
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._reading = False

    # For subclasses

    async def read(self, reader: Reader) -> None:
        """Show what the file contains."""
        raise NotImplementedError

    async def until_ready(self) -> None:
        """Wait until keys can act on the contents of the screen."""

    def tick(self) -> None:
        """Called every second while the screen is visible."""

    def without_effect(self) -> Iterable[str]:
        """Ids of the bindings that have no effect at present. Call `keys_changed` when they change."""
        if not self.newest_live:
            yield "app.newest"
        if self.rows is not None and not self.rows.count:
            yield from LIST_KEYS

    def keys_changed(self) -> None:
        """Let the line of keys show the keys that have an effect now."""
        self.idle_keys = frozenset(self.without_effect())

    def watch_newest_live(self) -> None:
        if self.is_mounted:
            self.keys_changed()

    def back(self) -> bool:
        """Go back one level within the screen. Returns False if there is none."""
        return False

    # The file

    async def refresh_from(self, reader: Reader) -> None:
        """Show what the file contains, status bar included, in one read transaction."""
        async with reader.snapshot():
            streams = await reader.streams()
            await self.read(reader)
            self.keys_changed()
            for bar in self.query(StatusBar):  # before any other await, so that both are drawn in one frame
                bar.keep_up(streams)

    def news(self, reader: Reader | None) -> None:
        """Read again: the file changed, or another file was opened."""
        self.reader = reader
        self._news.set()

    def soon(self) -> None:
        """Read again at once, because the user asked for something."""
        self._news.set()
        self._urgent.set()

    def later(self) -> None:
        """Read again after RETRY_S, because a reading failed."""
        self.set_timer(RETRY_S, self._news.set)

    @property
    def is_visible(self) -> bool:
        """Whether only dialogs cover the screen. `is_current` is also true beneath a screen that hides it."""
        stack = self.app.screen_stack
        return self in stack and all(screen.is_modal for screen in stack[stack.index(self) + 1 :])

    @property
    def at_rest(self) -> bool:
        """Whether the screen shows everything that the file is known to contain."""
        return self.reader is not None and not self._news.is_set() and not self._reading

    # Work

    def do(self, work: Callable[[], Awaitable[None]], group: str, exclusive: bool = True) -> None:
        """Start work on the file. If `exclusive`, it cancels other work of its group."""
        careful: Callable[[], Awaitable[bool]] = partial(self.attempt, work)
        self.run_worker(careful, group=group, exclusive=exclusive)

    async def attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Work on the file. Shows an error of the file, and returns False."""
        try:
            await work()
        except RunChanged:  # the next reading shows the changed run
            self.soon()
            return False
        except StoreError as error:
            self.show_error(error)
            return False
        return True

    def show_error(self, error: StoreError) -> None:
        """Show an error as a notification."""
        self.notify(clean(str(error)), severity="error", markup=False, timeout=10)

    @on(events.Mount)
    def _begin(self) -> None:
        self.set_interval(1.0, self._ticked)
        self.call_later(self.keys_changed)
        self._feed()

    @work
    async def _feed(self) -> None:
        readings = 0
        while True:
            await self._news.wait()
            self._news.clear()
            self._urgent.clear()
            begun, spent = time.monotonic(), time.process_time()
            if self.reader is not None and self.is_visible:
                self._reading = True
                try:
                    await self.refresh_from(self.reader)
                    readings += 1
                except FileBusy:  # the status bar shows it
                    self.later()
                except StoreError as error:
                    self.show_error(error)
                    self.later()
                finally:
                    self._reading = False
            await self._rest(FRAME_S)
            busy, passed = time.process_time() - spent, time.monotonic() - begun
            if readings > 1:  # the first reading opened the screen
                await self._rest(min(busy / CPU_SHARE - passed, MAX_REST_S))

    async def _rest(self, seconds: float) -> None:
        """Wait, at most until the user asks for something."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._urgent.wait()

    @on(events.Unmount)
    def _forget(self) -> None:
        """Clear a cache that keeps a thousand closed widgets alive: https://github.com/Textualize/textual/issues/6665."""
        StylesCache.get_inner_outer.cache_clear()

    def _ticked(self) -> None:
        if self.is_visible:
            self.tick()

    @on(Prompt.Cancelled)
    def _cancelled(self) -> None:
        self.back()

    @on(events.ScreenResume)
    def _resumed(self) -> None:
        self._news.set()
        self.post_message(self.Shown())
