"""The format of archives, and errors of exports and imports."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from store.database.deletion import delete_run
from store.errors import FileNewer, NotImportable, RunChanged, RunUnknown
from store.transfer import exporter
from store.transfer.exporter import export
from tests.recorder import Recorder
from tests.tables import store
from tests.transfer.round_trip import exported, imported, show, simulated, treetop


def test_an_export_named_gz_is_compressed(db: Path, tmp_path: Path) -> None:
    store(db, simulated())
    packed, plain = tmp_path / "run.jsonl.gz", tmp_path / "run.jsonl"
    for output in (packed, plain):
        assert treetop("export", "latest", "--db", db, "-o", output).returncode == 0
    lines = plain.read_text("utf-8").splitlines()
    unpacked = gzip.decompress(packed.read_bytes()).decode().splitlines()
    assert unpacked[1:-1] == lines[1:-1]
    assert plain.stat().st_size > 3 * packed.stat().st_size
    there, other = tmp_path / "there.db", tmp_path / "other.db"
    for source, target in ((packed, there), (plain, other)):
        assert treetop("import", source, "--db", target).returncode == 0
    assert show(there) == show(other)
    assert {path.name for path in tmp_path.glob(".*")} == set()


def test_every_line_is_json_and_holds_an_event_as_published(db: Path) -> None:
    entries = Recorder("A").root().entries
    store(db, entries)
    header, line, footer = map(json.loads, exported(db, "A").splitlines())
    assert (header["treetop"], header["run_id"], header["goal"], header["events"]) == (1, "A", "Write a book", 1)
    assert line == {"id": str(entries[0].at), "json_payload": entries[0].fields[b"json_payload"].decode()}
    assert (footer["end"], footer["redacted"]) == (1, {})


def test_a_failed_export_keeps_the_existing_file(db: Path, tmp_path: Path) -> None:
    store(db, Recorder("A").root().entries)
    output = tmp_path / "run.jsonl"
    output.write_text("older")
    assert treetop("export", "B", "--db", db, "-o", output).returncode == 2
    done = treetop("export", "A", "--db", db, "-o", db)
    assert (done.returncode, b"belongs to the database" in done.stderr) == (2, True)
    assert output.read_text() == "older"


def lines_of(run: bytes, first: int = 0, last: int | None = None) -> bytes:
    return b"".join(run.splitlines(keepends=True)[first:last])


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "without the last line": (lambda data: lines_of(data, 0, -1), "truncated"),
    "truncated in the last line": (lambda data: data[:-10], "truncated"),
    "truncated in an event": (lambda data: data[: len(data) // 2], "truncated|is not an event"),
    "truncated in the header": (lambda data: data[:50], "truncated"),
    "truncated after the header": (lambda data: lines_of(data, 0, 1), "truncated"),
    "without an event": (lambda data: lines_of(data, 0, 3) + lines_of(data, 4), "damaged"),
    "two events exchanged": (
        lambda data: lines_of(data, 0, 2) + lines_of(data, 3, 4) + lines_of(data, 2, 3) + lines_of(data, 4),
        "damaged",
    ),
    "a letter changed": (lambda data: data.replace(b"Write", b"write", 1), "damaged"),
    "a line appended": (lambda data: data + lines_of(data, 1, 2), "damaged|is not an event|truncated"),
    "compressed and truncated": (lambda data: gzip.compress(data)[:-20], "truncated"),
    "compressed and damaged": (
        lambda data: gzip.compress(data)[:200] + b"??" + gzip.compress(data)[202:],
        "cannot be read|damaged",
    ),
    "empty": (lambda data: b"", "neither"),
    "plain text": (lambda data: b"Dear diary", "neither"),
    "binary data": (lambda data: bytes(range(256)), "neither"),
    "other JSON": (lambda data: b'{"version": 2}\n', "neither"),
    "a header with other fields": (lambda data: b'{"treetop":1,"run_id":3}\n', "not the header"),
    "only the first bytes of SQLite": (lambda data: b"SQLite format 3\x00", "cannot be read|another program"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_rejected_before_anything_is_stored(name: str, db: Path, tmp_path: Path) -> None:
    store(db, Recorder("A").whole().entries)
    broken, message = BROKEN[name]
    there = tmp_path / "there.db"
    with pytest.raises(NotImportable, match=message):
        imported(there, broken(exported(db, "A")))
    assert not there.exists()


def test_a_newer_format_is_rejected(db: Path) -> None:
    with pytest.raises(FileNewer, match="update treetop"):
        imported(db, b'{"treetop":2,"runs":[]}\n')


def test_an_error_is_one_line(db: Path, tmp_path: Path) -> None:
    store(db, [])
    notes = tmp_path / "notes.txt"
    notes.write_text("nothing of interest")
    for source, words in (
        (notes, b"neither"),
        (tmp_path / "there.db", b"belongs to the file to import into"),
        (tmp_path, b"directory"),
        ("gone", b"No such file"),
    ):
        done = treetop("import", source, "--db", tmp_path / "there.db")
        assert (done.returncode, done.stderr.count(b"\n"), done.stdout) == (2, 1, b"")
        assert words in done.stderr
    done = treetop("import", "-", "--db", tmp_path / "there.db", stdin=db.read_bytes())
    assert b"give its path" in done.stderr


def test_a_run_deleted_during_an_export_is_an_error(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "PAGE_MAX_EVENTS", 5)
    store(db, Recorder("A").whole().entries)

    class Interrupting(io.BytesIO):
        def write(self, data: object, /) -> int:
            if self.tell() == 0:
                delete_run(db, "A")
            return super().write(data)  # type: ignore[arg-type]

    with pytest.raises(RunChanged, match="export it again"):
        export(db, "A", Interrupting())
    with pytest.raises(RunUnknown):
        exported(db, "A")
