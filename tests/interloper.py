"""A writer that stores one more event before each statement of a reader, for tests and as a program.

    python -m tests.interloper FILE ENTRIES ARGUMENTS...

runs `treetop ARGUMENTS` beside a writer of the entries in a file: a line of JSON text each.
"""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from store.database.arrival import FIELD
from store.database.reader import Reader
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from tests.recorder import entry_of

T = TypeVar("T")


class Interloper:
    """Stores entries of the stream `agent_events` into a file, one at each step."""

    def __init__(self, path: Path, entries: Iterable[Entry]) -> None:
        self._writer = Writer(path)
        self._stream = self._writer.stream("agent_events")
        self._entries = iter(entries)
        self.stored = 0

    def step(self) -> None:
        """Store the next entry, if there is one."""
        entry = next(self._entries, None)
        if entry is not None:
            self._writer.append([entry], self._stream)
            self.stored += 1

    def close(self) -> None:
        self._writer.close()


_work = Reader.in_thread


def interleave(interloper: Interloper) -> Any:
    """Replacement for `Reader.in_thread`: the interloper steps before each statement, also those of the history."""

    async def work(reader: Reader, function: Callable[[sqlite3.Connection], T]) -> T:
        def traced(connection: sqlite3.Connection) -> T:
            connection.set_trace_callback(lambda _: interloper.step())
            try:
                return function(connection)
            finally:
                connection.set_trace_callback(None)

        return await _work(reader, traced)

    return work


def save(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries to a file that this program reads."""
    path.write_text("".join(json.dumps(entry.fields[FIELD].decode()) + "\n" for entry in entries))


def main() -> None:
    """Run the command line with an interloper."""
    from tui.cli import program as cli

    path, entries, *arguments = sys.argv[1:]
    bodies = [json.loads(line).encode() for line in Path(entries).read_text().splitlines()]
    interloper = Interloper(Path(path), (entry_of(body, StreamId(2**30 + n, 0)) for n, body in enumerate(bodies)))
    Reader.in_thread = interleave(interloper)  # type: ignore[method-assign]  # what this program is for
    sys.argv = ["treetop", *arguments]
    try:
        cli.main()
    finally:
        sys.stderr.write(f"{interloper.stored} stored meanwhile\n")
        interloper.close()


if __name__ == "__main__":
    main()
