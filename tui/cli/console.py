"""The output of `treetop serve`: lines on standard output, and below them a status line if it is a terminal."""

import asyncio
import shutil
import sys
from typing import TextIO

from store.errors import FileError
from store.relay.application import Relay
from tui import format as fmt
from tui.text import clean

STATUS_INTERVAL_S = 1.0
"""Seconds between two updates of the status line."""


class Console:
    """Prints lines, errors and the status line."""

    def __init__(self, out: TextIO | None, quiet: bool) -> None:
        """`out`: standard output, None if it was closed when the program started. `quiet`: print only errors."""
        self._out = out
        self._quiet = quiet
        self._has_status = out is not None and out.isatty() and not quiet
        self._status = ""
        self._trouble = ""

    def print(self, line: str) -> None:
        """Print a line above the status line."""
        if not self._quiet:
            self._write(f"{self._erasure()}{clean(line)}\n{self._status}")

    def trouble(self, text: str) -> None:
        """Print on standard error why events cannot be stored, once for each reason. `text` is empty when they can."""
        if text and text != self._trouble:
            sys.stderr.write(f"{self._erasure()}treetop: {clean(text)}\n")
            sys.stderr.flush()
        self._trouble = text

    def clear(self) -> None:
        """Erase the status line."""
        self._write(self._erasure())
        self._status = ""

    async def keep_current(self, relay: Relay) -> None:
        """Update the status line until cancelled, or until standard output is closed."""
        feed, clock = relay.feed, asyncio.get_running_loop().time
        seq, then, counted, runs = feed.last_seq, clock(), -1, 0
        while self._has_status:
            await asyncio.sleep(STATUS_INTERVAL_S)
            now = clock()
            rate = max(feed.last_seq - seq, 0) / (now - then) if seq else 0.0
            seq, then = feed.last_seq, now
            if seq != counted and feed.ready.is_set():
                try:
                    runs, counted = await feed.reader.count_runs(), seq
                except FileError:
                    continue
            lag = "" if feed.lag is None or not rate else f" · lag {feed.lag * 1000:,.0f} ms"
            clients = fmt.exactly(len(relay.connections), "client")
            trouble = feed.trouble or self._trouble
            reason = f" · {clean(trouble)}" if trouble else ""
            self._show(f"{clients} · {fmt.exactly(runs, 'run')} · {rate:,.0f} events/s{lag}{reason}")

    def _show(self, status: str) -> None:
        status = status[: shutil.get_terminal_size().columns - 1]
        if status != self._status:
            self._write(f"{self._erasure()}{status}")
            self._status = status

    def _erasure(self) -> str:
        """The escape sequence that erases the current status line."""
        return "\r\x1b[K" if self._status else ""

    def _write(self, text: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:  # the reader of standard output has ended; the clients have not
            self._has_status, self._quiet = False, True
