"""Files that `treetop export` must not overwrite, and treetop files as the source of `treetop import`."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.lease import Lease
from store.database.writer import Writer
from store.model.entry import Gap, StreamId, follow
from store.pricing.pricer import Pricer
from tests.recorder import Recorder, entry_of
from tests.tables import query, rows, states, store


def treetop(*words: object, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a command."""
    environment = {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "tui.cli", *map(str, words)]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, env=environment, **{"capture_output": True, "text": True, "check": False, **options}
    )


def line_of(done: "subprocess.CompletedProcess[str]") -> str:
    """The only line of an error."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line


# Export


def directly(file: Path) -> Path:
    return file


def by_another_path(file: Path) -> Path:
    return file.parent / "folder" / ".." / file.name


def by_a_link(file: Path) -> Path:
    link = file.parent / "folder" / "run.jsonl"
    link.symlink_to(file)
    return link


def by_a_linked_folder(file: Path) -> Path:
    link = file.parent / "link"
    link.symlink_to(file.parent)
    return link / file.name


def by_a_hard_link(file: Path) -> Path:
    link = file.parent / "run.jsonl"
    link.hardlink_to(file)
    return link


SPELLINGS = (directly, by_another_path, by_a_link, by_a_linked_folder, by_a_hard_link)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_files_of_the_database_are_not_overwritten(db: Path, suffix: str, spelling: Callable[[Path], Path]) -> None:
    (db.parent / "folder").mkdir()
    with Lease(db), Writer(db) as writer:
        writer.append(Recorder("a").whole().entries)
        file = db.with_name(f"{db.name}{suffix}")
        before = (file.stat().st_size, file.stat().st_ino)  # opening it here would release the writer's locks
        output = spelling(file)
        assert line_of(treetop("export", "a", "--db", db, "-o", output)) == (
            f"treetop: {output}: belongs to the database {db}, which it would destroy; name another file with -o"
        )
        assert (file.stat().st_size, file.stat().st_ino) == before
        assert output.samefile(file)
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
    assert query(db, "SELECT count(*) FROM event") == [(45,)]


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal", ".lock"])
def test_future_files_of_the_database_are_not_created(db: Path, suffix: str) -> None:
    store(db, Recorder("a").whole().entries)
    (db.parent / "link.db").symlink_to(db)
    output = db.with_name(f"{db.name}{suffix}")
    assert not output.exists()
    assert "belongs to the database" in line_of(treetop("export", "a", "--db", db.parent / "link.db", "-o", output))
    assert not output.exists() or not output.read_bytes().startswith(b'{"treetop"')


def test_standard_output_must_not_be_the_database(db: Path) -> None:
    store(db, Recorder("a").whole().entries)
    before = db.read_bytes()
    with db.open("ab") as output:
        done = treetop("export", "a", "--db", db, capture_output=False, stdout=output, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert "standard output: belongs to the database" in done.stderr
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/run.jsonl", "there is no folder"),
        ("run.jsonl/run.jsonl", "there is no folder"),
        ("folder", "is a directory"),
        ("", "Is a directory"),
    ],
)
def test_an_unwritable_output_is_named(db: Path, output: str, message: str) -> None:
    store(db, Recorder("a").whole().entries)
    (db.parent / "folder").mkdir()
    (db.parent / "run.jsonl").touch()
    assert message in line_of(treetop("export", "a", "--db", db, "-o", output, cwd=db.parent))


# Import


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_files_of_the_database_are_not_imported_into_it(db: Path, suffix: str, spelling: Callable[[Path], Path]) -> None:
    (db.parent / "folder").mkdir()
    with Lease(db), Writer(db) as writer:
        writer.append(Recorder("a").whole().entries)
        source = spelling(db.with_name(f"{db.name}{suffix}"))
        line = line_of(treetop("import", source, "--db", db))
        assert line == f"treetop: {source}: belongs to the file to import into, {db}; name another file with --db"


def test_standard_input_must_not_be_the_database(db: Path) -> None:
    store(db, Recorder("a").whole().entries)
    with db.open("rb") as file:
        assert "belongs to the file to import into" in line_of(treetop("import", "-", "--db", db, stdin=file))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A file with declared and undeclared runs, a rejected entry and a loss. Its calls are priced as commands do it."""
    path = tmp_path / "original.db"
    store(path, Recorder("a").whole().entries, pricing=Pricer())
    store(path, [*Recorder(None, name="n").root("lone").entries, entry_of(b'{"half": "\xff', 7)], stream="other")
    with Writer(path) as writer:
        key = writer.stream("agent_events")
        after = follow(writer.cursor(key), [])
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    return path


def dumped(path: Path, to: Path) -> Path:
    """The result of `sqlite3 FILE .dump | sqlite3 COPY`, without application id and version."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as copy:
        copy.executescript("\n".join(source.iterdump()))
    assert query(to, "PRAGMA application_id") == query(to, "PRAGMA user_version") == [(0,)]
    return to


def test_a_restored_dump_is_imported_completely_and_once(original: Path, db: Path) -> None:
    copy = dumped(original, db.with_name("copy.db"))
    done = treetop("import", copy, "--db", db)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"imported {copy}: 46 events stored, 0 there already, 1 rejected as unreadable, entries were lost 1 time before"
        " the source could store them\n"
    )
    assert states(db) == states(original)
    assert rows(db, "body") == rows(original, "body")
    rejected = "SELECT ms, number, reason, data FROM rejected"
    assert query(db, rejected) == query(original, rejected)
    before = rows(db)
    done = treetop("import", copy, "--db", db)
    assert "0 events stored, 47 there already" in done.stdout
    assert rows(db) == before


@pytest.mark.parametrize("archived", [False, True], ids=["from a treetop file", "from an export"])
def test_import_prints_how_many_events_are_stored_with_other_content(db: Path, archived: bool) -> None:
    other = db.with_name("other.db")
    store(other, Recorder("a").root(goal="Another goal").node("root", "first").entries)
    store(db, Recorder("a").root().node("root", "first").entries)
    source = other
    if archived:
        source = db.with_name("a.jsonl")
        assert treetop("export", "a", "--db", other, "-o", source).returncode == 0
    before = rows(db, "event", "body")
    done = treetop("import", source, "--db", db)
    assert done.stdout.partition(": ")[2] == "0 events stored, 1 there already, 1 already stored with other content\n"
    assert rows(db, "event", "body") == before


def test_a_treetop_file_is_imported_beside_other_runs(original: Path, db: Path) -> None:
    store(db, Recorder("b").root().entries)
    before = states(db)
    assert "46 events stored" in treetop("import", original, "--db", db).stdout
    assert states(db) == {**before, **states(original)}


@pytest.mark.parametrize("words", [("runs",), ("show", "a"), ("doctor",), ("ingest", "--drain"), ("--no-ingest", "a")])
def test_commands_on_a_restored_dump_suggest_to_import_it(original: Path, words: tuple[str, ...]) -> None:
    copy = dumped(original, original.with_name("copy.db"))
    before = copy.read_bytes()
    done = treetop(*words, "--db", copy)
    assert f"import its runs into another file with `treetop import {copy} --db FILE`" in done.stdout + done.stderr
    assert done.returncode == (1 if words == ("doctor",) else 2)
    assert copy.read_bytes() == before


def test_a_damaged_treetop_file_is_an_error_of_one_line(original: Path, db: Path) -> None:
    copy = dumped(original, db.with_name("copy.db"))
    pages = bytearray(copy.read_bytes())
    (root,) = query(copy, "SELECT rootpage FROM sqlite_master WHERE name = 'body'")[0]
    pages[4096 * (root - 1) : 4096 * root] = bytes(4096)
    copy.write_bytes(pages)
    assert f"{copy}: is damaged (" in line_of(treetop("import", copy, "--db", db))
