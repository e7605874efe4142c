"""The file behind the screens: opened as soon as it exists, watched for changes, and fed by an ingester."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from store.database.file import SCREEN_LOCK_TIMEOUT_S
from store.database.lease import holder
from store.database.mount import warning_of
from store.database.reader import Reader
from store.errors import FileError, FileMissing, FileOlder, FileReplaced
from store.model.record import StreamRow
from treetop.address import location, stream_at
from tui.ingester_process import IngesterProcess
from tui.models.no_run import no_run
from tui.text import clean

MISSING_INTERVAL_S = 0.05
"""Seconds between two attempts to open a file that does not exist yet."""

RETRY_INTERVAL_S = 0.25
"""Seconds between two attempts to open a file that cannot be read."""

ERROR_INTERVAL_S = 1.0
"""Seconds after a failed look for changes."""


class IngestStatus(Struct, frozen=True):
    """What the status bar shows."""

    streams: tuple[StreamRow, ...]
    several: bool
    """Whether the file contains several streams."""
    ingester: str | None
    """Name of the program that stores events; None when there is none."""
    trouble: str
    """Error of the ingester or the file; empty for none."""
    warning: str
    """Risk of storing events in this file; empty for none."""


class Display(Protocol):
    """What `FileFeed` calls on its owner."""

    async def file_opened(self) -> None:
        """The file was opened for the first time."""

    def file_changed(self) -> None:
        """The file has new contents."""

    def file_replaced(self, error: FileReplaced) -> None:
        """The file at the path was deleted or replaced. The reader still reads the old one."""

    def file_reopened(self) -> None:
        """The reader now reads another file, with other runs."""

    def explain(self, hint: str) -> None:
        """There are no runs to show, for this reason."""

    async def show_status(self) -> None:
        """The status changed."""


class FileFeed:
    """Reads one path for a display, and with `ingest` keeps an ingester running that stores the streams into it."""

    def __init__(self, path: Path, url: str, streams: Sequence[str], ingest: bool, display: Display) -> None:
        self.reader: Reader | None = None
        """None until the file is open."""
        self._path = path
        self._url = url
        self._streams = streams
        self._display = display
        self._ingester = IngesterProcess(path, url, streams, self._set_trouble) if ingest else None
        self._warning = warning_of(path) if ingest else ""
        self._trouble = ""
        """Error of the ingester."""
        self._unreadable = ""
        """Error of the file."""
        self._away = False
        """Whether Redis does not answer."""
        self._ingests = True
        """Whether a process stores events into the file, as far as is known."""

    @property
    def empty_hint(self) -> str:
        """Text for a file without runs."""
        return no_run(self._path, self._url, self._streams, self._away, self._ingests)

    async def open(self) -> None:
        """Open the file if possible. `watch` reports errors."""
        with suppress(FileError):
            self.reader = await Reader(self._path, SCREEN_LOCK_TIMEOUT_S).__aenter__()

    async def close(self) -> None:
        """Stop the ingester, and close the file."""
        if self._ingester is not None:
            await self._ingester.stop()
        if self.reader is not None:
            await self.reader.__aexit__()

    async def ingest(self) -> None:
        """Keep an ingester running, if one is wanted. Does not return then."""
        if self._ingester is not None:
            await self._ingester.keep_running()

    async def watch(self) -> None:
        """Open the file as soon as it exists, then report its changes. Does not return."""
        reader = await self._opened()
        self._unreadable = ""
        await self._display.file_opened()
        await self._display.show_status()
        while True:
            try:
                async for _ in reader.watch():
                    self._unreadable = ""
                    self._display.file_changed()
            except FileReplaced as error:
                self._display.file_replaced(error)
                await self._reopen(reader)
            except FileError as error:
                self._unreadable = self._without_path(error)
                await asyncio.sleep(ERROR_INTERVAL_S)

    async def _opened(self) -> Reader:
        while self.reader is None:
            try:
                self.reader = await Reader(self._path, SCREEN_LOCK_TIMEOUT_S).__aenter__()
            except FileMissing:
                self._unreadable = ""
                self._display.explain(self.empty_hint)
                await asyncio.sleep(MISSING_INTERVAL_S)
            except FileOlder as error:
                self._display.explain(await asyncio.to_thread(self._older_hint, error))
                await self._display.show_status()
                await asyncio.sleep(RETRY_INTERVAL_S)
            except FileError as error:
                self._unreadable = self._without_path(error)
                self._display.explain(f"{self._path}:\n\n{clean(self._unreadable)}".replace("; ", ";\n"))
                await self._display.show_status()
                await asyncio.sleep(RETRY_INTERVAL_S)
        return self.reader

    async def _reopen(self, reader: Reader) -> None:
        while True:
            try:
                await reader.reopen()
                break
            except FileError as error:
                self._unreadable = self._without_path(error)
                await asyncio.sleep(RETRY_INTERVAL_S)
        self._display.file_reopened()

    def _without_path(self, error: FileError) -> str:
        """Text of an error without the path, which the status bar shows separately."""
        return str(error).removeprefix(f"{self._path}: ")

    def _older_hint(self, error: FileOlder) -> str:
        """Text for the list of runs while the file is brought up to date."""
        if self._ingester is None:
            return str(error).replace("; ", ";\n")
        feeding = holder(self._path)
        other = None if self._ingester.running else feeding
        progress = feeding.trouble if feeding else ""
        return (
            f"{self._path} was written by an older treetop, and is being brought up to date.\n\n"
            + (clean(progress) or "Its runs appear here when that is done; 10,000 events take about a second.")
            + (f"\n\n{other} stores events into it: if that is an older treetop, stop it." if other else "")
        )

    async def status(self) -> IngestStatus:
        """The state of ingest: of the configured streams, or without an ingester of the streams being stored."""
        streams: list[StreamRow] = []
        if self.reader is not None:
            with suppress(FileError):  # `watch` reports it
                streams = await self.reader.streams()
        feeding = await asyncio.to_thread(holder, self._path)
        ours = [stream_at(name, location(self._url)) for name in self._streams]
        neglected = feeding.neglects(*ours) if feeding and self._ingester else ""
        wanted = feeding.sources if feeding and not self._ingester else ours
        shown = tuple(one for one in streams if stream_at(one.name, one.address) in wanted)
        if not shown and not neglected:  # the streams may have been stored before addresses were recorded
            shown = tuple(one for one in streams if not one.address and one.name in self._streams)
        self._away = any(one.state == "away" for one in shown) and feeding is not None
        self._ingests = feeding is not None or self._ingester is not None
        trouble = self._unreadable or neglected or (feeding.trouble if feeding else self._trouble)
        return IngestStatus(shown, len(streams) > 1, feeding and feeding.name, trouble, self._warning)

    def _set_trouble(self, trouble: str) -> None:
        self._trouble = trouble
