"""A relay and a writer on one file."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.relay.stage import Publishing, Stage, ready, relaying


@pytest.fixture
def store(db: Path) -> Iterator[Publishing]:
    """Writes to the file."""
    with Publishing(db) as publishing:
        yield publishing


@pytest.fixture
async def stage(db: Path, store: Publishing) -> AsyncIterator[Stage]:
    """A relay with default options."""
    async with relaying(db) as stage:
        yield await ready(stage)


@pytest.fixture
async def reloading(db: Path, store: Publishing) -> AsyncIterator[Stage]:
    """A relay with `reload=True`: clients of `/ws/events` get the latest run first."""
    async with relaying(db, reload=True) as stage:
        yield await ready(stage)
