"""A file of this version as SQL text. Every later version must read it.

python -m tests.golden    write it anew; only while the version is not released
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from store.database.file import APPLICATION_ID, VERSION
from store.model.price import Price
from tests.recorder import Recorder, entry_of
from tests.tables import store

GOLDEN = Path(__file__).with_name(f"golden-{VERSION}.sql")


def restore(path: Path) -> None:
    """Create the file of GOLDEN."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(GOLDEN.read_text("utf-8"))


def fill(path: Path) -> None:
    """Store runs that have a value in every column: one longer than a checkpoint, one live, one failed, one unnamed."""
    long = Recorder("long").whole()
    for number in range(60):
        long.llm("root", tokens=(number, 1))
    store(path, long.entries, pricing=lambda model, time, usage: Price(0.25, f"openai/{model}"))
    working = Recorder("working").root("w").plan("w", "w1", "w2").step_started("w1").llm_started("w1", "open")
    store(path, working.tool_invoked("w1", "also open").llm_completed("w1", "end first", tokens=(1, 2)).entries)
    failed = Recorder("failed").run_started().root("f").node("f", "g", "Write a book").step_started("f")
    for _ in range(3):
        failed.llm("f", error="timeout")
    store(path, failed.run_error().entries)
    store(path, Recorder(None).root("nameless").step("nameless", "execute", after="FINISH").entries)
    store(path, [entry_of(b"not json", 7)])


def dump(path: Path) -> str:
    """The file as SQL text."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        pragmas = ["auto_vacuum=INCREMENTAL", f"application_id={APPLICATION_ID}", f"user_version={version}"]
        return "\n".join([*(f"PRAGMA {pragma};" for pragma in pragmas), *connection.iterdump()]) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "golden.db"
        fill(path)
        GOLDEN.write_text(dump(path), "utf-8")


if __name__ == "__main__":
    main()
