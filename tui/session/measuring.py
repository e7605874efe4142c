"""Measures when the tasks of a run worked: small runs in a thread, large ones in a child process.

A thread would take turns with the event loop at every key for as long as it computes, and its memory would stay.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from store.errors import FileError, RunChanged, StoreError
from tui.child import child_command

if TYPE_CHECKING:
    from store.database.work_times import WorkTimes

THREAD_MAX_NODES = 1_000
"""Number of tasks up to which a run is measured in a thread, which takes about 0.1 s. A process takes 0.3 s to start."""

THREAD_MAX_EVENTS = 50_000
"""Number of events up to which a run is measured in a thread: a few tasks can have any number of steps."""

RUN_CHANGED_CODE = 3
"""Exit code of the child process if the run was deleted or rebuilt."""

NICE = 5
"""Increment of the niceness of the child process: the screen and the ingester come first."""


class Measurement(Struct, frozen=True):
    """What to measure: parameters of `work_times`."""

    path: str
    run: int
    generation: int
    position: int
    scope: int | None
    to: float


async def measure(wanted: Measurement, nodes: int) -> "WorkTimes":
    """Measure a run with this number of nodes. Raises RunChanged and FileError. Cancelling ends a child process."""
    if nodes <= THREAD_MAX_NODES and wanted.position <= THREAD_MAX_EVENTS:
        return await asyncio.to_thread(_work_times, wanted)
    try:
        process = await asyncio.create_subprocess_exec(
            *child_command("tui.session.measuring", msgspec.json.encode(replace(wanted, path="")).decode(), wanted.path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise FileError(f"{wanted.path}: the run cannot be measured: {error.strerror}") from error
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        *_, last = errors.decode("utf-8", "replace").strip().splitlines() or [f"exit code {process.returncode}"]
        if process.returncode == RUN_CHANGED_CODE:
            raise RunChanged(last)
        raise FileError(f"{wanted.path}: the run cannot be measured: {last}")
    return await asyncio.to_thread(_decode, output)


def _work_times(wanted: Measurement) -> "WorkTimes":
    from store.database.work_times import work_times

    return work_times(Path(wanted.path), wanted.run, wanted.generation, wanted.position, wanted.scope, wanted.to)


def _decode(output: bytes) -> "WorkTimes":
    from store.database.work_times import WorkTimes

    return msgspec.msgpack.decode(output, type=WorkTimes)


def main() -> None:
    """Measure, and write the result to standard output; an error to standard error."""
    os.nice(NICE)
    *_, numbers, path = sys.argv
    wanted = replace(msgspec.json.decode(numbers, type=Measurement), path=path)
    try:
        times = _work_times(wanted)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(RUN_CHANGED_CODE if isinstance(error, RunChanged) else 1)
    sys.stdout.buffer.write(msgspec.msgpack.encode(times))


if __name__ == "__main__":
    main()
