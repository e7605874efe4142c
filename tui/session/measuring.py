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

from store.errors import FileError
from tui.child import child_command

if TYPE_CHECKING:
    from store.database.work_times import WorkTimes

THREAD_MAX_NODES = 1_000
"""Number of tasks up to which a run is measured in a thread, which takes about 0.1 s. A process takes 0.3 s to start."""

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
    """Measure a run with this number of nodes. Raises RunChanged and FileError. Cancelling ends the child process."""
    if nodes <= THREAD_MAX_NODES:
        return await asyncio.to_thread(_work_times, wanted)
    try:
        process = await asyncio.create_subprocess_exec(
            *child_command("tui.session.measuring", msgspec.json.encode(wanted).decode()),
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
        raise FileError(f"{wanted.path}: the run cannot be measured: {last}")
    return await asyncio.to_thread(_decode, output)


def _work_times(wanted: Measurement) -> "WorkTimes":
    from store.database.work_times import work_times

    return work_times(Path(wanted.path), wanted.run, wanted.generation, wanted.position, wanted.scope, wanted.to)


def _decode(output: bytes) -> "WorkTimes":
    from store.database.work_times import WorkTimes

    return msgspec.msgpack.decode(output, type=WorkTimes)


def main() -> None:
    """Measure, and write the result to standard output."""
    os.nice(NICE)
    wanted = msgspec.json.decode(sys.argv[-1], type=Measurement)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_work_times(wanted)))


if __name__ == "__main__":
    main()
