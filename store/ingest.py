"""From the Redis stream into the file, for as long as it takes.

One loop: read after the stored position, check that nothing is missing, append rows and position in one transaction; where
more is waiting, it is read while that is committed. Redis may be absent, go away, come back empty or refuse; the file may
be locked, full, deleted or replaced: that is said, in the file or in its lease, for every screen to show, and tried again.
The loop ends only when it is told to.

What it says of itself (`stream.state`): `connecting`, `reading` (behind, catching up), `live` (everything that the stream
holds is stored), `away` (Redis can not be reached), `refused` (Redis answers, but does not let us read), `stopped`.
"""

import random
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import redis

from store.cursor import Cursor, Verdict
from store.errors import Fenced, FileBusy, FileError, FileLocked, FileOlder, FileReplaced, RedisError
from store.lease import Lease
from store.migration import migrate
from store.source import Source, is_refusal, reason
from store.writer import Counts, Writer

RETRY_FIRST, RETRY_LAST, RETRY_REFUSED = 0.1, 5.0, 30.0
"""Seconds before Redis is tried again: more each time; long, when it refused and a person must mend it."""

RETRY_FILE = 1.0
"""Seconds before the file is tried again."""

PATIENCE = 1.5
"""Seconds for which another may hold the file before that is said."""

UNREAD = ("away", "refused")
"""States in which Redis does not let us read."""

REPEAT = 10.0
"""Seconds after which a trouble with the file that lasts is said again."""

NOTE = 60.0
"""Seconds for which the file says that it could not be written for a while."""


class Ingester:
    """Reads one stream into one file. Takes the file's lease while it works; raises FileLocked when another has it."""

    def __init__(self, path: Path, url: str, stream: str) -> None:
        self.path = path
        self.stream = stream
        self.counts = Counts()
        self._source = Source(url, stream)
        self._lease = Lease(path)
        self._stopping = False
        self._opened = False
        self._greeted = False
        self._state: tuple[str, str | None] = ("", None)
        self._since = 0.0
        self._told = 0.0
        self._trouble = ""
        """Why the file can not be written."""
        self._troubled = 0.0
        self._complained = 0.0
        self._note: tuple[float, str] | None = None
        """Until when the file is to say what."""

    def stop(self) -> None:
        """Finish the batch in hand, then return from `run`. May be called from a signal handler or another thread."""
        self._stopping = True

    # Until it is stopped

    def run(self) -> None:
        """Store what arrives until `stop`. Raises FileError for a file that can not be used from the beginning."""
        while not self._stopping:
            try:
                with self._lease:
                    self._store_on()
            except FileLocked:
                raise
            except FileError as error:
                self._wait_for_file(error)

    def _store_on(self) -> None:
        """Store what arrives, and open the file anew whenever something was wrong with it. Raises FileReplaced."""
        upgrade = partial(migrate, tell=_say, stopping=lambda: self._stopping)
        while not self._stopping:
            try:
                with Writer(self.path, upgrade=upgrade, patience=PATIENCE) as writer:
                    self._opened = True
                    self._feed(writer)
            except FileOlder:  # it was time to stop before it was brought up to date: the next one does it
                return
            except FileReplaced:
                raise
            except (FileError, Fenced) as error:
                self._wait_for_file(error)

    def _wait_for_file(self, error: FileError | Fenced) -> None:
        """Say what is wrong with the file, and give it a moment; what is wrong from the beginning is for the user."""
        if not self._opened and not isinstance(error, FileBusy):
            raise error
        now, said = time.monotonic(), str(error)
        if not self._trouble:
            self._troubled = now
        if said != self._trouble or now - self._complained > REPEAT:
            self._trouble, self._complained = said, now
            _say(said, sys.stderr)
            self._lease.tell(said.removeprefix(f"{self.path}: "))
        self._source.disconnect()  # a batch that may have been too large is not followed by a larger one
        self._pause(RETRY_FILE)

    def _feed(self, writer: Writer) -> None:
        key = writer.stream(self.stream)
        self._tell(writer, key, "connecting")
        if not self._greeted:
            self._greeted = True
            _say(f"{self.path}: storing what is published to {self.stream} at {self._source.address}")
        cursor, certain, patience = writer.cursor(key), True, RETRY_FIRST
        while not self._stopping:
            writer.check_in_place()
            try:
                verdict = self._source.read(cursor, certain)
                caught_up = self._append(writer, key, cursor, verdict)
                cursor, patience = verdict.cursor, RETRY_FIRST
                self._tell(writer, key, "live" if caught_up else "reading")
                certain = caught_up and not self._source.wait(cursor, lambda: self._stopping)
            except (redis.RedisError, OSError, MemoryError) as error:
                certain, refused = True, is_refusal(error)
                self._source.disconnect()
                self._tell(writer, key, "refused" if refused else "away", f"{self._source.address}: {reason(error)}")
                self._pause(RETRY_REFUSED if refused else random.uniform(0.0, patience))
                patience = min(2 * patience, RETRY_LAST)
        self._tell(writer, key, "stopped")

    def _pause(self, seconds: float) -> None:
        """Wait, unless it is time to stop."""
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    # Once

    def drain(self) -> Counts:
        """Store everything that the stream holds now, then return. Raises RedisError when Redis is not there."""
        upgrade = partial(migrate, tell=partial(_say, where=sys.stderr))  # counts, and only they, are for standard output
        with self._lease, Writer(self.path, upgrade=upgrade) as writer:
            key = writer.stream(self.stream)
            cursor, certain, caught_up = writer.cursor(key), True, False
            try:
                while not caught_up:
                    verdict = self._source.read(cursor, certain)
                    caught_up = self._append(writer, key, cursor, verdict)
                    cursor, certain = verdict.cursor, False
            except (redis.RedisError, OSError) as error:
                said = f"{self._source.address}: {reason(error)}"
                raise RedisError(f"{said}; start Redis, or name another with --redis") from error
            self._tell(writer, key, "stopped")
        return self.counts

    def _append(self, writer: Writer, key: int, before: Cursor, verdict: Verdict) -> bool:
        """Store what was read. Was that all there is?"""
        batch, after, gap, limit = verdict.batch, verdict.cursor, verdict.gap, self._source.limit
        self._source.learn(batch)
        more = len(batch) >= limit
        if more and not self._stopping:
            self._source.ask(after)
        if batch or gap is not None or after != before:
            self.counts.add(writer.append(batch, key, before, after, gap, later=more))
        return not more and (gap is None or gap.kind != "reset")

    # What it says of itself

    def _tell(self, writer: Writer, key: int, state: str, why: str | None = None) -> None:
        """Say in the file how it goes, when that changed, and at most once a second while catching up."""
        now = time.time()
        if self._note is not None:
            until, note = self._note
            self._note = self._note if now < until else None
            why = why or (note if self._note else None)
        if (state, why) == self._state and (state != "reading" or now - self._told < 1.0):
            return
        since = self._since if (state, why) == self._state else now
        if state in UNREAD and state != self._state[0]:
            _say(f"{self.path}: nothing can be read, {why}; trying again", sys.stderr)
        elif state not in UNREAD and state != "stopped" and self._state[0] in UNREAD:
            _say(f"{self.path}: events are read again from {self._source.address}")
        writer.report(key, state, why, self._source.head, since)
        self._state, self._since, self._told = (state, why), since, now
        if self._trouble:
            lasted = time.monotonic() - self._troubled
            self._lease.tell("")
            _say(f"{self.path}: events are stored again, after {lasted:.0f} s")
            self._note = now + NOTE, f"nothing could be stored for {lasted:.0f} s: {self._trouble}"
            self._trouble = ""


def _say(text: str, where: TextIO | None = None) -> None:
    """What is wrong on standard error, that all is well on standard output. Nobody may be there to read it."""
    with suppress(OSError):
        print(text, file=where or sys.stdout, flush=True)
