"""What ends the application at any time: signals, Ctrl+C, a lost terminal, and exceptions that no handler expects.

An unexpected exception ends the program with a traceback. Textual does so for workers, timers and handlers; here is what it
leaves out: tasks and threads.
"""

import asyncio
import errno
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any

from textual.app import App
from textual.command import CommandPalette

from tui.terminal_watch import GONE, watch_terminal

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that end the application, with the terminal restored."""

INTERRUPT_WITHIN_S = 2.0
"""Seconds within which a second Ctrl+C quits."""


class Ending:
    """Ends an application. Call `watch` when it runs, and `restore` when it has ended."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._excepthook = threading.excepthook
        self._interrupted_at = -inf
        """Time of the last Ctrl+C, by the monotonic clock."""

    def watch(self) -> None:
        """Handle signals, exceptions of tasks and threads, and the loss of the terminal."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._task_failed)
        threading.excepthook = partial(self._thread_failed, loop)
        for number in SIGNALS:
            loop.add_signal_handler(number, partial(self._app.exit, return_code=128 + number))
        if not self._app.is_headless:
            watch_terminal(partial(self._terminal_is_gone, loop))

    def restore(self) -> None:
        """Handle exceptions of threads as before."""
        threading.excepthook = self._excepthook

    def interrupt(self) -> None:
        """Ctrl+C: if it is the second press within INTERRUPT_WITHIN_S, quit as after SIGINT, regardless of the focus."""
        now = time.monotonic()
        if now - self._interrupted_at <= INTERRUPT_WITHIN_S:
            self._app.exit(return_code=128 + signal.SIGINT)
            return
        self._interrupted_at = now
        if isinstance(self._app.screen, CommandPalette):  # its list would cover the notification
            self._app.pop_screen()
        self._app.notify("Press Ctrl+C again to quit.", markup=False, timeout=INTERRUPT_WITHIN_S)

    def _terminal_is_gone(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(partial(self._app.exit, return_code=GONE))

    def _task_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and "transport" not in context:  # such as the pipe to an ingester that was killed
            self._fail(error)

    def _thread_failed(self, loop: asyncio.AbstractEventLoop, failure: threading.ExceptHookArgs) -> None:
        error = failure.exc_value
        if isinstance(error, OSError) and error.errno == errno.EIO:  # in the thread that draws
            self._terminal_is_gone(loop)
        elif isinstance(error, Exception):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: Exception) -> None:
        """Raise an exception in a worker of the application."""

        async def fail() -> None:
            raise error

        self._app.run_worker(fail())
