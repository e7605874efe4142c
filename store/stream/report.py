"""State of an ingester, as it reports it: in the file, in the lease, and in lines on standard output and standard error.

States in `stream.state`: `connecting`, `reading` (catching up), `live` (all entries of the stream are stored), `away`
(Redis cannot be reached), `refused` (Redis replies with an error that a person must resolve), `stopped`.
"""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from store.database.lease import Lease
from store.database.migration import progress
from store.database.writer import Writer
from store.model.entry import StreamId

UNREADABLE_STATES = ("away", "refused")
"""States in which no entries can be read."""

FAILURE_REPEAT_S = 10.0
"""Seconds after which a lasting write failure is printed again."""

RECOVERY_NOTE_S = 60.0
"""Seconds for which a write failure stays in the status line after it has ended."""

READING_INTERVAL_S = 1.0
"""Seconds between two reports of the position while catching up."""


def print_line(text: str, file: TextIO | None = None) -> None:
    """Print to `file`, by default standard output. Errors are ignored: nothing may read it any more."""
    with suppress(OSError):
        print(text, file=file or sys.stdout, flush=True)


class FileReport:
    """Reports failures to write the file from their beginning to their end, and the progress of a migration."""

    def __init__(self, path: Path, lease: Lease) -> None:
        self.path = path
        self._lease = lease
        self._failure = ""
        """Message of the current failure; empty if there is none."""
        self._failing_since = 0.0
        self._failure_printed_at = 0.0
        self._note = ""
        """Failure that has ended recently."""
        self._note_until = 0.0

    @property
    def note(self) -> str | None:
        """A failure that has ended recently; None if there is none."""
        return self._note if time.time() < self._note_until else None

    def progress(self, text: str, file: TextIO) -> None:
        """Report the progress of a migration: to `file`, and in the lease, from which screens read it."""
        print_line(text, file)
        self._lease.report(progress(self.path, text))

    def end_progress(self) -> None:
        """Remove the progress of a migration from the lease."""
        if not self._failure:
            self._lease.report("")

    def failure(self, message: str) -> None:
        """Report that the file cannot be written: in the lease, and on standard error when it begins and while it lasts."""
        now = time.monotonic()
        if not self._failure:
            self._failing_since = now
        if message != self._failure or now - self._failure_printed_at > FAILURE_REPEAT_S:
            self._failure, self._failure_printed_at = message, now
            print_line(message, sys.stderr)
            self._lease.report(message.removeprefix(f"{self.path}: "))

    def success(self) -> None:
        """Report that the file was written, which ends a failure."""
        failure, self._failure = self._failure, ""
        if failure:
            lasted = time.monotonic() - self._failing_since
            self._lease.report("")
            print_line(f"{self.path}: events are stored again, after {lasted:.0f} s")
            self._note_until = time.time() + RECOVERY_NOTE_S
            self._note = f"nothing could be stored for {lasted:.0f} s: {failure}"


class SourceReport:
    """Reports changes of the state of one source."""

    def __init__(self, file: FileReport, name: str, address: str) -> None:
        """`name`: of the stream, if the ingester stores several."""
        self._file = file
        self._prefix = f"{file.path}: {name}: " if name else f"{file.path}: "
        self._address = address
        self._state = ""
        self._reason: str | None = None
        self._since = 0.0
        """Time at which the state was entered."""
        self._reported_at = 0.0

    def state(self, writer: Writer, key: int, state: str, head: StreamId | None, reason: str | None = None) -> None:
        """Store a state in the file if it has changed. `key`: row of the stream."""
        now = time.time()
        reason = reason or self._file.note
        is_new = (state, reason) != (self._state, self._reason)
        if not is_new and (state != "reading" or now - self._reported_at < READING_INTERVAL_S):
            return
        if state in UNREADABLE_STATES and state != self._state:
            print_line(f"{self._prefix}nothing can be read, {reason}; trying again", sys.stderr)
        elif state not in (*UNREADABLE_STATES, "stopped") and self._state in UNREADABLE_STATES:
            print_line(f"{self._prefix}events are read again from {self._address}")
        since = now if is_new else self._since
        writer.report(key, state, reason, head, since)
        self._state, self._reason, self._since, self._reported_at = state, reason, since, now
        self._file.success()
