"""Files with large runs, stored by the real Writer from generated events, and cached.

    python -m tests.bench.big --folder F [--shape tree|deep|wide|small|medium] [--nodes N]

A `tree` has about ten events per node and plans of three to eight tasks, and has not ended: some leaves are not executed
yet. `deep` is a chain, `wide` is one node that contains all others, `small` and `medium` are many runs in one file.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import store
from store.database.arrival import FIELD
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from tests.bench.agent import Agent, bushy, chain, flat

BATCH = 5_000
"""Number of events in a transaction."""

SHAPES = {"tree": 100_000, "deep": 1_000, "wide": 50_000, "small": 1_000, "medium": 100}
"""Shapes of files, with the default number of nodes or runs."""

PAUSE_MS = 3_600_000
"""Milliseconds between two runs of a file."""


def bodies(shape: str, size: int) -> Iterator[bytes]:
    """The events of a file, in order."""
    match shape:
        case "tree":
            yield from Agent(bushy(size, seed=1)).unfinished()
        case "deep":
            yield from Agent(chain(size), seed=2).unfinished()
        case "wide":
            yield from Agent(flat(size), seed=3).unfinished()
        case "small" | "medium":
            nodes = 8 if shape == "small" else 200
            for number in range(size):
                agent = Agent(bushy(nodes, seed=number), seed=10 + number, after_ms=number * PAUSE_MS)
                yield from agent.finished()
        case _:
            raise ValueError(f"no such shape: {shape}")


def entries(published: Iterable[bytes]) -> Iterator[Entry]:
    """The stream entries that carry these events."""
    for number, body in enumerate(published):
        yield Entry(StreamId(1_745_800_000_000 + number, 0), {FIELD: body})


def make(path: Path, published: Iterable[bytes]) -> int:
    """Store events in a new file. Returns their number. None may be rejected."""
    source, stored = entries(published), 0
    with Writer(path) as writer:
        while batch := list(islice(source, BATCH)):
            counts = writer.append(batch)
            if counts.stored != len(batch):
                raise AssertionError(f"{path}: {counts} of {len(batch)}")
            stored += counts.stored
    return stored


def cached(folder: Path, shape: str, size: int | None = None) -> Path:
    """The cached file of this shape and size; created if the folder has none of the current schema."""
    size = size or SHAPES[shape]
    path = folder / f"{shape}-{size}-{_version()}.db"
    if path.exists():
        return path
    for old in folder.glob(f"{shape}-{size}-*"):
        old.unlink()
    new = folder / f"{shape}-{size}.{os.getpid()}.new"
    try:
        make(new, bodies(shape, size))
        new.rename(path)
    finally:
        for litter in folder.glob(f"{new.name}*"):
            litter.unlink()
    return path


def _version() -> str:
    """A checksum of the schema and of the generated events."""
    sources = [Path(store.__path__[0]) / "database" / "schema.sql", Path(__file__), Path(__file__).with_name("agent.py")]
    return blake2b(b"".join(source.read_bytes() for source in sources), digest_size=4).hexdigest()


def main() -> None:
    """Create one file, and print the time that it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the files are kept")
    parser.add_argument("--shape", choices=SHAPES, default="tree")
    parser.add_argument("--nodes", type=int, help="how many nodes; of `small` and `medium`, how many runs")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    path = cached(options.folder, options.shape, options.nodes)
    sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.1f} MB  {time.perf_counter() - begun:.1f} s\n")


if __name__ == "__main__":
    main()
