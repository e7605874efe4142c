"""Keys in order: each acts on the screen to which the keys before it led.

Textual sends each key to the widget that is focused when the key arrives. Keys of one burst, as from a slow connection or
a program, would all go to the same widget, although the first of them moves the focus or opens a screen.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.worker import Worker, WorkerError

NAVIGATION = "navigation"
"""Group of the workers that open a screen after reading the file. Later keys wait for them."""

URGENT = frozenset(("ctrl+c", "ctrl+q"))
"""Keys that do not wait for earlier ones."""

ROUNDS = 3
"""Times that all message queues are passed after a key. A key posts a message, whose handler opens a screen or moves the
focus, which takes another message."""

MOTIONS = frozenset(("up", "down", "j", "k", "pageup", "pagedown"))
"""Keys that move a cursor or are text, and never change the focus. Repetitions of a held key are sent together."""

SETTLE_TIMEOUT_S = 3.0
"""Seconds after which the next key is sent even if the one before is still being handled."""


class KeyQueue:
    """Sends keys and pasted texts to an application, one after the other.

    `send` is the application's own handler. `until_ready` waits until keys can act on the present screen.
    """

    def __init__(
        self,
        app: App[None],
        send: Callable[[events.Event], Awaitable[None]],
        until_ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._app = app
        self._send = send
        self._until_ready = until_ready
        self._waiting: deque[events.Event] = deque()
        self._settling: Worker[None] | None = None

    async def put(self, event: events.Key | events.Paste) -> None:
        """Send an event, at once unless an earlier one is still being handled."""
        if isinstance(event, events.Key) and event.key in URGENT:
            await self._send(event)
        elif self._settling is not None and not self._settling.is_finished:
            self._waiting.append(event)
        else:
            await self._send(event)
            self._settling = self._app.run_worker(self._settle_and_send(), group="keys")

    async def _settle_and_send(self) -> None:
        await self._settle()
        while self._waiting and self._app.is_running:
            event = self._waiting.popleft()
            await self._send(event)
            if not (self._waiting and _is_repeated(event, self._waiting[0])):
                await self._settle()

    async def _settle(self) -> None:
        """Wait until every widget from the focused one up to the application has handled its messages."""
        app = self._app
        with suppress(TimeoutError, WorkerError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for _ in range(ROUNDS):
                    for worker in [worker for worker in app.workers if _is_awaited(worker)]:
                        await asyncio.shield(worker.wait())  # a timeout must not cancel the worker
                    if not app.is_running or not app.screen_stack:
                        return
                    await self._until_ready()
                    for node in [*(app.focused or app.screen).ancestors_with_self, app]:
                        passed = asyncio.Event()
                        if node.call_later(passed.set):
                            await passed.wait()


def _is_awaited(worker: Worker[object]) -> bool:
    """Whether later keys act on the result of a worker: on a screen, or on the commands that the palette found."""
    return worker.group == NAVIGATION or isinstance(worker.node, CommandPalette)


def _is_repeated(event: events.Event, following: events.Event) -> bool:
    """Whether the same motion follows."""
    return (
        isinstance(event, events.Key)
        and isinstance(following, events.Key)
        and event.key == following.key
        and event.key in MOTIONS
    )
