"""The ingester that a screen starts for itself: a process of its own, which ends with the screen however that ends."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from store.lease import holder

RETRY = 5.0
"""Seconds after which an ingester that ended is started again."""


class IngesterProcess:
    """Sees to it that the file is fed: by whoever holds its lease, else by a child process."""

    def __init__(self, path: Path, url: str, stream: str, on_trouble: Callable[[str], None]) -> None:
        """`on_trouble` hears what is wrong, and an empty text when nothing is any more."""
        self._path = path
        self._command = (sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--stream", stream)
        self._environment = {"REDIS_URL": url}
        """Where all may see the command, only we see this, and the password that may be in it."""
        self._on_trouble = on_trouble
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Is there a child of ours?"""
        return self._process is not None

    async def keep_running(self) -> None:
        """Start a child whenever nobody holds the lease; never returns by itself."""
        while True:
            if holder(self._path) is None:
                await self._run()
            await asyncio.sleep(RETRY)

    async def _run(self) -> None:
        # Its standard input is a pipe from us that never carries anything: when we die, however, it sees the end of it.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            "--until-eof",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **self._environment},
        )
        said = ""

        def wrong(text: str) -> None:  # while it goes on, its lease says so, too
            nonlocal said
            said = text.removeprefix("treetop: ").removeprefix(f"{self._path}: ")  # a screen has no room for a path

        process = self._process
        await asyncio.gather(_listen(process.stderr, wrong), _listen(process.stdout, lambda _: self._on_trouble("")))
        code = await process.wait()
        self._process = None
        if code:
            self._on_trouble(said or f"the ingester ended with exit code {code}")

    async def stop(self) -> None:
        """End the child, if there is one; it finishes the batch in hand."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 3.0)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listen(stream: asyncio.StreamReader | None, heard: Callable[[str], None]) -> None:
    """Pass on what is said, line by line, until the end."""
    assert stream is not None
    while line := await stream.readline():
        if text := line.decode("utf-8", "replace").strip():
            heard(text)
