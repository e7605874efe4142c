"""Stores the events of one or several Redis streams in one file.

Each stream has a follower. Errors of a stream (unreachable, access refused) concern its follower alone. Errors of the file
(locked, disk full, deleted, replaced) end all followers, which begin again when the file can be used. Both are reported,
and the operation is retried. Only `stop` ends the work.
"""

import sys
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TextIO

from store.database.arrival import Pricing
from store.database.file import LOCK_TIMEOUT_S
from store.database.lease import Lease
from store.database.migration import migrate
from store.database.stream_row import Counts
from store.database.writer import Writer
from store.errors import Fenced, FileBusy, FileError, FileLocked, FileOlder, FileReplaced, RedisError, SourceError
from store.stream.follower import Follower, Halt
from store.stream.report import FileReport, SourceReport, print_line
from store.stream.source import RedisStream
from treetop.address import stream_at

FILE_RETRY_S = 1.0
"""Delay in seconds before a retry after an error of the file."""

FILE_LOCK_TIMEOUT_S = 1.5
"""Seconds to wait for the lock of another process before the lock is reported as an error."""


class Ingester:
    """Stores streams of one server in one file.

    `run` and `drain` hold the lease of the file. They raise FileLocked if another process holds it.
    """

    def __init__(self, path: Path, url: str, *streams: str, pricing: Pricing | None = None) -> None:
        """`pricing`: as for `Writer`."""
        self.path = path
        self._pricing = pricing
        sources = [RedisStream(url, stream) for stream in dict.fromkeys(streams)]
        self._lease = Lease(path, *(stream_at(source.name, source.location) for source in sources))
        self._report = FileReport(path, self._lease)
        self._halt = Halt()
        reports = [
            SourceReport(self._report, source.name if len(sources) > 1 else "", source.address) for source in sources
        ]
        self._followers = [Follower(*pair, self._halt) for pair in zip(sources, reports, strict=True)]
        names, address = ", ".join(source.name for source in sources), sources[0].address
        self._greeting = f"{path}: storing the events of {names} at {address}"
        self._has_opened = False
        """Whether the file was opened successfully before."""

    @property
    def counts(self) -> Counts:
        """What became of the entries of all streams."""
        total = Counts()
        for follower in self._followers:
            total.add(follower.counts)
        return total

    def stop(self) -> None:
        """Make `run` return after the current batches. May be called from a signal handler or another thread."""
        self._halt.stopping = True

    # Storing until `stop`

    def run(self) -> None:
        """Store events until `stop`. Raises FileError if the file cannot be used at the start."""
        while not self._halt.stopping:
            try:
                with self._lease:
                    self._write()
            except FileLocked:
                raise
            except FileError as error:
                self._wait_for_file(error)

    def _write(self) -> None:
        """Store events until `stop`, and open the file again after each error. Raises FileReplaced."""
        while not self._halt.stopping:
            try:
                with self._open(sys.stdout, FILE_LOCK_TIMEOUT_S) as writer:
                    if not self._has_opened:
                        self._has_opened = True
                        print_line(self._greeting)
                    self._follow(writer)
            except FileOlder:  # stopped during a migration, which the next ingester repeats
                return
            except FileReplaced:
                raise
            except (FileError, Fenced) as error:
                self._wait_for_file(error)

    def _open(self, file: TextIO, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Writer:
        """Migrate the database if it is of an older version, then open it. Progress is printed to `file`."""
        progress = partial(self._report.progress, file=file)
        migrate(self.path, progress, lambda: self._halt.stopping, lock_timeout_s, self._pricing)
        self._report.end_progress()
        return Writer(self.path, lock_timeout_s=lock_timeout_s, pricing=self._pricing)

    def _follow(self, writer: Writer) -> None:
        """Follow all streams until `stop`. Several are followed in threads. Raises the error of the first that fails."""
        if len(self._followers) == 1:
            self._followers[0].follow(writer)
            return
        self._halt.failing = False
        with ThreadPoolExecutor(len(self._followers), "stream") as threads:
            work = [threads.submit(follower.follow, writer) for follower in self._followers]
            ended, _ = wait(work, return_when=FIRST_EXCEPTION)
            self._halt.failing = True
        for future in ended:
            future.result()

    def _wait_for_file(self, error: FileError | Fenced) -> None:
        """Report an error of the file, and wait. Raises the error if the file was never opened, unless it is FileBusy."""
        if not self._has_opened and not isinstance(error, FileBusy):
            raise error
        self._halt.failing = False
        self._report.failure(str(error))
        for follower in self._followers:
            follower.source.disconnect()  # the next batch is smaller, and so may fit on a nearly full disk
        self._halt.pause(FILE_RETRY_S)

    # Storing once

    def drain(self) -> Counts:
        """Store all entries that the streams hold. Raises RedisError if one cannot be read, after storing the others."""
        failures: list[SourceError] = []
        with self._lease, self._open(sys.stderr) as writer:  # only the counts go to standard output
            for follower in self._followers:
                try:
                    follower.drain(writer)
                except SourceError as error:
                    failures.append(error)
        if failures:
            raise RedisError(f"{failures[0]}; start Redis, or name another with --redis") from failures[0]
        return self.counts
