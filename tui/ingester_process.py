"""The ingester that the screens start: a child process, which ends with its parent even if that is killed."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from store.database.lease import holder
from treetop.address import mask
from tui.child import child_command

RETRY_S = 5.0
"""Seconds until an ingester that ended, or could not be started, is started again."""

STOP_TIMEOUT_S = 3.0
"""Seconds that a child process may take for its current batch before it is killed."""

LINE_BYTES = 4_096
"""Size of a line of output, in bytes, above which it is cut."""


class IngesterProcess:
    """Runs a child process that ingests into the file while no other process holds its lease."""

    def __init__(self, path: Path, url: str, streams: Sequence[str], on_trouble: Callable[[str], None]) -> None:
        """`on_trouble` is called with an error, and with an empty text when it is over."""
        self._path = path
        names = [f"--stream={stream}" for stream in streams]
        self._command = child_command("tui.cli", "ingest", "--until-eof", "--db", str(path), *names)
        self._url = url
        self._environment = {"REDIS_URL": url}
        """Passes the URL, which can contain a password: other users can read the command line, but not the environment."""
        self._on_trouble = on_trouble
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether a child process exists."""
        return self._process is not None

    async def keep_running(self) -> None:
        """Start a child process whenever the lease is free. Never returns."""
        while True:
            if await asyncio.to_thread(holder, self._path) is None:
                try:
                    await self._run()
                except (OSError, RuntimeError) as error:  # no process, or no thread that waits for it
                    why = error.strerror if isinstance(error, OSError) else error
                    self._on_trouble(f"the ingester cannot be started ({why}: {self._command[0]}); start treetop again")
            await asyncio.sleep(RETRY_S)

    async def _run(self) -> None:
        # Standard input is a pipe without data. When this process dies, the child reads its end, and ends too.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **self._environment},
        )
        error = ""

        def failed(text: str) -> None:  # shown only if the child ends: until then its lease contains the error
            nonlocal error
            text = text.removeprefix("treetop: ").removeprefix(f"{self._path}: ")  # the status line has no room for a path
            error = mask(text, self._url)

        process = self._process
        await asyncio.gather(
            _read_lines(process.stderr, failed), _read_lines(process.stdout, lambda _: self._on_trouble(""))
        )
        code = await process.wait()
        self._process = None
        if code:
            self._on_trouble(error or f"the ingester ended with exit code {code}")

    async def stop(self) -> None:
        """End the child process, if there is one, after its current batch."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _read_lines(stream: asyncio.StreamReader | None, on_line: Callable[[str], None]) -> None:
    """Call `on_line` with the first LINE_BYTES of each line. Reads to the end: a full pipe would block the child."""
    assert stream is not None
    rest = b""
    while data := await stream.read(LINE_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[:LINE_BYTES]
        for line in lines:
            _decode_line(line, on_line)
    _decode_line(rest, on_line)


def _decode_line(line: bytes, on_line: Callable[[str], None]) -> None:
    if text := line[:LINE_BYTES].decode("utf-8", "replace").strip():
        on_line(text)
