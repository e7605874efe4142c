"""Opening a file: a missing one is created, a foreign one is refused and never overwritten."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.file import APPLICATION_ID, VERSION, check_readable, connect_writer
from store.database.reader import Reader
from store.database.writer import Writer
from store.errors import FileError, FileForeign, FileMissing, FileNewer
from store.stream.server import RedisServer
from tests.recorder import Recorder
from tests.tables import query, states, store


def foreign(path: Path) -> None:
    """A database of another program."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def foreign_and_empty(path: Path) -> None:
    """An empty database with the application id of another program."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 1196444487")


def newer(path: Path) -> None:
    store(path, Recorder().whole().entries)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def garbage(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1_000)


def broken_header(path: Path) -> None:
    store(path, Recorder().whole().entries)
    path.write_bytes(path.read_bytes().replace(b"SQLite format 3", b"SQLite format 4"))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (foreign, FileForeign, "is a database of another program; name another file with --db"),
        (foreign_and_empty, FileForeign, "is a database of another program; name another file with --db"),
        (newer, FileNewer, f"was written by a newer treetop .file version {VERSION + 1}, ours {VERSION}.; update treetop"),
        (garbage, FileForeign, "is not a treetop file, or is damaged .file is not a database.; name another file"),
        (broken_header, FileForeign, "is not a treetop file, or is damaged"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_ours_is_refused_and_unchanged(
    db: Path, make: Callable[[Path], None], kind: type[FileError], message: str
) -> None:
    make(db)
    before = db.read_bytes()
    with pytest.raises(kind, match=message):
        Writer(db)
    with pytest.raises(kind, match=message):
        asyncio.run(Reader(db).__aenter__())
    assert db.read_bytes() == before


def test_a_new_file_has_our_application_id_and_version(db: Path) -> None:
    with Writer(db):
        pass
    assert query(db, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(db, "PRAGMA user_version") == [(VERSION,)]
    assert query(db, "PRAGMA journal_mode") == [("wal",)]
    assert query(db, "PRAGMA integrity_check") == [("ok",)]


def test_a_commit_waits_until_the_disk_has_it(db: Path) -> None:
    with closing(connect_writer(db)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_an_empty_file_gets_our_schema(db: Path) -> None:
    db.touch()
    store(db, Recorder().root().entries)
    assert set(states(db)) == {"run"}


def test_a_truncated_file_is_refused_and_unchanged(db: Path) -> None:
    store(db, Recorder().whole().entries)
    db.write_bytes(db.read_bytes()[: db.stat().st_size // 2])
    before = db.read_bytes()
    with pytest.raises(FileError, match="malformed"), Writer(db) as writer:
        writer.append(Recorder("other").root().entries)
    assert db.read_bytes() == before


def test_reading_a_missing_file_fails_and_creates_nothing(db: Path) -> None:
    with pytest.raises(FileMissing, match="there is no such file; start `treetop` or `treetop ingest` to make it"):
        check_readable(db)
    assert not db.exists()


def test_reading_an_empty_file_fails(db: Path) -> None:
    db.touch()
    with pytest.raises(FileMissing, match="is still empty"):
        check_readable(db)
    assert db.read_bytes() == b""


def test_a_missing_folder_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "no" / "events.db"
    with pytest.raises(FileMissing, match=r"there is no folder .*no; make it, or name another file"):
        connect_writer(path)
    with pytest.raises(FileMissing, match="there is no such file"):
        check_readable(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be opened for writing"):
        connect_writer(tmp_path)
    with pytest.raises(FileMissing, match="there is no such file"):
        check_readable(tmp_path)


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "what?.db", "a#b.db", "ünï.db"])
def test_a_file_name_may_contain_any_character(tmp_path: Path, name: str) -> None:
    store(tmp_path / name, Recorder().root().entries)
    check_readable(tmp_path / name)
    assert name in {path.name for path in tmp_path.iterdir()}


TRY = """
import asyncio, sys
from pathlib import Path
from store.errors import FileError
from store.database.reader import Reader
from store.stream.server import RedisServer
from store.database.writer import Writer
path = Path(sys.argv[1])
try:
    Writer(path)
except FileError as error:
    print(error)
async def read():
    async with Reader(path) as reader:
        print(len(await reader.runs()), "runs")
asyncio.run(read())
"""


@pytest.mark.parametrize(
    ("closed", "printed"),
    [
        ("events.db", "{0}: is read-only; name another file with --db\n1 runs\n"),
        (".", "{0}: cannot be used (attempt to write a readonly database)\n1 runs\n"),
    ],
    ids=["file", "folder"],
)
def test_a_read_only_file_can_be_read_but_not_written(db: Path, closed: str, printed: str) -> None:
    store(db, Recorder().root().entries)
    before = db.read_bytes()
    unprivileged: tuple[str, ...] = ()
    if os.geteuid() == 0:  # the superuser may write everywhere
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv")
        unprivileged = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    target = db.parent / closed
    mode = target.stat().st_mode
    target.chmod(mode & ~0o222)
    try:
        done = subprocess.run(
            [*unprivileged, sys.executable, "-c", TRY, str(db)], capture_output=True, text=True, check=True
        )
    finally:
        target.chmod(mode)
    assert done.stdout == printed.format(db)
    assert db.read_bytes() == before


async def test_a_reader_cannot_write(db: Path) -> None:
    store(db, Recorder().whole().entries)
    async with Reader(db) as reader:
        with pytest.raises(FileError, match="attempt to write a readonly database"):
            await reader.rows("DELETE FROM run")
    assert set(states(db)) == {"run"}


WATCHED = """
import sys
from tui.cli.program import main
path = sys.argv[1]
def watch(event, arguments):
    if event == "open" and str(arguments[0]).startswith(path) and not str(arguments[0]).endswith(".lock"):
        print("opened", arguments, file=sys.stderr)
sys.addaudithook(watch)
del sys.argv[1]
main()
"""


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "--drain"),
        ("runs",),
        ("show", "latest"),
        ("export", "latest", "-o", "run.jsonl"),
        ("import", "run.jsonl"),
        ("prune", "--older-than", "1s", "--yes"),
        ("doctor", "--deep"),
    ],
    ids=lambda words: words[0],
)
def test_only_sqlite_opens_the_file(redis_server: RedisServer, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Closing a second descriptor would release the locks of SQLite, after which writers corrupt the file."""
    path, other = tmp_path / "events.db", tmp_path / "other.db"
    for file in (path, other):
        store(file, Recorder().whole().run_finished().entries)
    environment = {**os.environ, "SQLITE_DB_PATH": str(path), "REDIS_URL": redis_server.url, "PYTHONUTF8": "1"}
    export = [sys.executable, "-m", "tui.cli", "export", "latest", "--db", str(other), "-o", "run.jsonl"]
    subprocess.run(export, cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(path), *words], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "opened" not in done.stderr
