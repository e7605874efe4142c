"""Queries of commands that have no event loop of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from store.database.file import SCREEN_LOCK_TIMEOUT_S, check_readable
from store.database.reader import Reader
from store.errors import FileMissing

Answer = TypeVar("Answer")


def query(db: Path, work: Callable[[Reader], Awaitable[Answer]]) -> Answer:
    """The result of `work` with a reader of the file. Raises StoreError."""

    async def ask() -> Answer:
        async with Reader(db) as reader:
            return await work(reader)

    return asyncio.run(ask())


def check_file(db: Path, run: str | None = None) -> None:
    """Raise StoreError if the file or the run cannot be shown. A file that does not exist yet is accepted without a run."""
    if db.exists() or run is not None:
        check_readable(db, SCREEN_LOCK_TIMEOUT_S)
    elif not db.absolute().parent.is_dir():
        raise FileMissing(f"{db}: there is no folder {db.absolute().parent}; make it, or name another file with --db")
    if run is not None:
        query(db, lambda reader: reader.resolve(run))
