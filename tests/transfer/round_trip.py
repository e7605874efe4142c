"""Exports and imports of runs for tests."""

import io
import json
import subprocess
import sys
from datetime import UTC
from pathlib import Path

from store.model.entry import Entry, StreamId
from store.transfer.exporter import export
from store.transfer.importer import Imported, import_source
from store.transfer.redaction import Redactor
from tests.recorder import entry_of
from tests.tables import query
from tui.demo import Ending, Generation, Scenario, simulate

FIRST = int(Scenario(seed=3).start.replace(tzinfo=UTC).timestamp() * 1000)


def treetop(*words: object, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run a command."""
    command = [sys.executable, "-m", "tui.cli", *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def show(db: Path) -> object:
    """The document of `treetop show latest --json`."""
    done = treetop("show", "latest", "--json", "--db", db)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def simulated(ending: Ending = "finished", generation: Generation = "G5", items: int = 1, nodes: int = 20) -> list[Entry]:
    """A simulated run as stream entries."""
    scenario = Scenario(seed=3, nodes=nodes, items=items, ending=ending, generation=generation)
    return [
        entry_of(published.body, StreamId(FIRST + int(published.offset * 1000), number))
        for number, published in enumerate(simulate(scenario))
    ]


def exported(db: Path, run_id: str, redactor: Redactor | None = None) -> bytes:
    """The archive of a run."""
    out = io.BytesIO()
    export(db, run_id, out, redactor)
    return out.getvalue()


def imported(db: Path, data: bytes) -> Imported:
    """Import an archive."""
    source = db.with_name("to-import.jsonl")
    source.write_bytes(data)
    return import_source(db, str(source))


def bodies(db: Path) -> list[object]:
    """The stored bodies in order."""
    return [data for (data,) in query(db, "SELECT data FROM body ORDER BY seq")]
