"""`treetop export` and `treetop import`: a run as one file, and back, whole and once."""

import gzip
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import archive as archiving
from store.archive import export
from store.cursor import Entry, Gap, follow
from store.deletion import delete_run
from store.errors import FileNewer, NotImportable, RunChanged, RunUnknown
from store.events import StreamId
from store.intake import Taken, take_in
from store.redaction import Redactor
from store.redis_server import RedisServer
from store.simulator import Ending, Generation, Scenario, simulate
from store.writer import Counts, Writer
from tests.conftest import until
from tests.live import ingesting, number_stored, publish
from tests.recorder import Recorder, body_of, entry_of, state_of
from tests.strategies import streams
from tests.tables import query, rows, states, store

FIRST = 1_745_342_735_000


def treetop(*words: object, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """The program as a user starts it."""
    command = [sys.executable, "-m", "tui.cli", *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def show(db: Path) -> object:
    """What `treetop show latest --json` prints."""
    done = treetop("show", "latest", "--json", "--db", db)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def simulated(ending: Ending = "finished", generation: Generation = "G5", items: int = 1, nodes: int = 20) -> list[Entry]:
    """A run as it would be read from Redis."""
    scenario = Scenario(seed=3, nodes=nodes, items=items, ending=ending, generation=generation)
    return [
        entry_of(published.body, StreamId(FIRST + int(published.offset * 1000), number))
        for number, published in enumerate(simulate(scenario))
    ]


def exported(db: Path, run_id: str, redactor: Redactor | None = None) -> bytes:
    out = io.BytesIO()
    export(db, run_id, out, redactor)
    return out.getvalue()


def imported(db: Path, data: bytes) -> Taken:
    source = db.with_name("to-import.jsonl")
    source.write_bytes(data)
    return take_in(db, str(source))


def bodies(db: Path) -> list[object]:
    return [data for (data,) in query(db, "SELECT data FROM body ORDER BY seq")]


# There and back


@pytest.mark.parametrize("generation", ["G2", "G5"])
@pytest.mark.parametrize("ending", ["finished", "failing-branch", "failed", "killed"])
def test_a_run_that_was_exported_and_imported_is_the_same(tmp_path: Path, ending: Ending, generation: Generation) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated(ending, generation, items=2, nodes=40))
    for run_id, state in states(here).items():
        there.unlink(missing_ok=True)
        imported(there, exported(here, run_id))
        assert states(there) == {run_id: state}


def test_export_and_import_meet_in_a_pipe(tmp_path: Path) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated("failed"))
    out = treetop("export", "latest", "--db", here)
    assert b"found nothing to redact" in out.stderr
    back = treetop("import", "-", "--db", there, stdin=out.stdout)
    assert (back.returncode, back.stderr) == (0, b"")
    assert b" events stored, 0 there already" in back.stdout
    assert show(there) == show(here)


def test_the_recorded_run_comes_back_as_it_was(tmp_path: Path, recorded: list[Entry]) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, recorded)
    (run_id,) = states(here)
    imported(there, exported(here, run_id))
    assert states(there) == states(here)
    assert bodies(there) == bodies(here) == [entry.fields[b"json_payload"] for entry in recorded]
    assert query(there, "SELECT ms, number, guessed FROM event") == query(here, "SELECT ms, number, guessed FROM event")


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(streams(None, None, "A", "B", max_size=40))
def test_whatever_was_published_comes_back_run_by_run(entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        here = Path(folder) / "here.db"
        store(here, entries)
        for number, (run_id, state) in enumerate(states(here).items()):
            there = Path(folder) / f"{number}.db"
            imported(there, exported(here, run_id))
            assert states(there) == {run_id: state}


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5), st.booleans())
def test_bodies_come_back_byte_for_byte(texts: list[str], ascii_only: bool) -> None:
    events = [{"event_type": text or "x", "payload": {"node_id": "n", text: texts}, "run_id": "run"} for text in texts]
    published = [json.dumps(event, ensure_ascii=ascii_only).encode("utf-8", "replace") for event in events]
    with TemporaryDirectory() as folder:
        here, there = Path(folder) / "here.db", Path(folder) / "there.db"
        store(here, [entry_of(body, number) for number, body in enumerate(published)])
        for run_id in states(here):
            imported(there, exported(here, run_id))
            assert bodies(there) == bodies(here)


def test_events_without_an_id_of_their_own_are_known_again(db: Path, tmp_path: Path) -> None:
    event = {"event_type": "note", "payload": {"node_id": "n"}}
    store(db, [entry_of(body_of(event), StreamId(FIRST, number)) for number in range(3)])
    (run_id,) = states(db)
    data = exported(db, run_id)
    assert imported(db, data).counts == Counts(received=3, duplicate=3)
    there = tmp_path / "there.db"
    assert imported(there, data).counts == Counts(received=3, stored=3)
    assert imported(there, data).counts == Counts(received=3, duplicate=3)
    assert states(there) == states(db)


def test_a_run_of_many_pages_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "AT_ONCE", 7)
    monkeypatch.setattr(archiving, "BYTES_AT_ONCE", 3_000)
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated())
    (run_id,) = states(here)
    imported(there, exported(here, run_id))
    assert (states(there), bodies(there)) == (states(here), bodies(here))


# The same again


def test_the_same_file_twice_changes_nothing(db: Path) -> None:
    store(db, Recorder("A").whole().entries)
    data = exported(db, "A")
    before = rows(db)
    assert imported(db, data).counts == Counts(received=45, duplicate=45)
    assert rows(db) == before


def test_an_import_that_was_broken_off_is_finished_by_the_next(tmp_path: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    store(db, entries)
    there = tmp_path / "there.db"
    with Writer(there, guest=True) as writer:
        writer.append(entries[:20], home="A")
    assert imported(there, exported(db, "A")).counts == Counts(received=45, stored=25, duplicate=20)
    assert states(there) == states(db)


def test_what_was_redacted_does_not_replace_what_is_stored(db: Path) -> None:
    store(db, Recorder("A").root(goal="Log in with password=hunter2").entries)
    data = exported(db, "A", Redactor())
    before = rows(db)
    assert imported(db, data).counts == Counts(received=1, rejected=1)
    assert rows(db) == before


def test_runs_of_the_file_are_left_alone(db: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    store(db, Recorder(None).root("r").node("r", "a").entries)
    store(there, Recorder(None, name="other").root("other").node("other", "b").entries)
    before = states(there)
    imported(there, exported(db, "auto-r"))
    assert states(there) == {**before, **states(db)}
    assert query(there, "SELECT received, open_run FROM stream") == [(2, 1)]  # the stream knows nothing of it


# The file


def test_a_file_named_gz_is_packed_and_comes_out_the_same_every_time(db: Path, tmp_path: Path) -> None:
    store(db, simulated())
    packed, plain = tmp_path / "run.jsonl.gz", tmp_path / "run.jsonl"
    for output in (packed, plain):
        assert treetop("export", "latest", "--db", db, "-o", output).returncode == 0
    lines = plain.read_text("utf-8").splitlines()
    unpacked = gzip.decompress(packed.read_bytes()).decode().splitlines()
    assert unpacked[1:-1] == lines[1:-1]
    assert plain.stat().st_size > 3 * packed.stat().st_size
    there = tmp_path / "there.db"
    assert treetop("import", packed, "--db", there).returncode == 0
    assert show(there) == show(db)
    assert {path.name for path in tmp_path.glob(".*")} == set()


def test_every_line_is_json_and_an_event_is_in_it_as_published(db: Path) -> None:
    entries = Recorder("A").root().entries
    store(db, entries)
    header, line, footer = map(json.loads, exported(db, "A").splitlines())
    assert (header["treetop"], header["run_id"], header["goal"], header["events"]) == (1, "A", "Write a book", 1)
    assert line == {"id": str(entries[0].at), "json_payload": entries[0].fields[b"json_payload"].decode()}
    assert (footer["end"], footer["redacted"]) == (1, {})


def test_what_was_lost_before_is_said(db: Path, tmp_path: Path) -> None:
    entries = Recorder("A").root().entries
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor = writer.cursor(key)
        after = follow(cursor, entries)
        writer.append(entries, key, cursor, after)
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    assert imported(tmp_path / "there.db", exported(db, "A")).gaps == 1


def test_an_export_that_fails_leaves_the_older_one(db: Path, tmp_path: Path) -> None:
    store(db, Recorder("A").root().entries)
    output = tmp_path / "run.jsonl"
    output.write_text("older")
    assert treetop("export", "B", "--db", db, "-o", output).returncode == 2
    done = treetop("export", "A", "--db", db, "-o", db)
    assert (done.returncode, b"holds the runs themselves" in done.stderr) == (2, True)
    assert output.read_text() == "older"


# What is refused


def lines_of(run: bytes, first: int = 0, last: int | None = None) -> bytes:
    return b"".join(run.splitlines(keepends=True)[first:last])


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "its last line is gone": (lambda data: lines_of(data, 0, -1), "cut short"),
    "cut in the last line": (lambda data: data[:-10], "cut short"),
    "cut in an event": (lambda data: data[: len(data) // 2], "cut short|is no event"),
    "cut in the header": (lambda data: data[:50], "cut short"),
    "cut behind the header": (lambda data: lines_of(data, 0, 1), "cut short"),
    "an event is missing": (lambda data: lines_of(data, 0, 3) + lines_of(data, 4), "damaged"),
    "two events changed places": (
        lambda data: lines_of(data, 0, 2) + lines_of(data, 3, 4) + lines_of(data, 2, 3) + lines_of(data, 4),
        "damaged",
    ),
    "a letter is another": (lambda data: data.replace(b"Write", b"write", 1), "damaged"),
    "something follows": (lambda data: data + lines_of(data, 1, 2), "damaged|is no event|cut short"),
    "packed and cut": (lambda data: gzip.compress(data)[:-20], "cut short"),
    "packed and damaged": (
        lambda data: gzip.compress(data)[:200] + b"??" + gzip.compress(data)[202:],
        "can not be read|damaged",
    ),
    "empty": (lambda data: b"", "neither"),
    "a text": (lambda data: b"Dear diary", "neither"),
    "noise": (lambda data: bytes(range(256)), "neither"),
    "other JSON": (lambda data: b'{"version": 2}\n', "neither"),
    "a header with other fields": (lambda data: b'{"treetop":1,"run_id":3}\n', "not the header"),
    "SQLite, but only its first words": (lambda data: b"SQLite format 3\x00", "can not be read|another program"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_before_anything_is_stored(name: str, db: Path, tmp_path: Path) -> None:
    store(db, Recorder("A").whole().entries)
    broken, message = BROKEN[name]
    there = tmp_path / "there.db"
    with pytest.raises(NotImportable, match=message):
        imported(there, broken(exported(db, "A")))
    assert not there.exists()


def test_a_newer_format_is_refused(db: Path) -> None:
    with pytest.raises(FileNewer, match="update treetop"):
        imported(db, b'{"treetop":2,"runs":[]}\n')


def test_a_refusal_is_one_line(db: Path, tmp_path: Path) -> None:
    store(db, [])
    notes = tmp_path / "notes.txt"
    notes.write_text("nothing of interest")
    for source, words in (
        (notes, b"neither"),
        (db, b"is a treetop file"),
        (tmp_path, b"directory"),
        ("gone", b"No such file"),
    ):
        done = treetop("import", source, "--db", tmp_path / "there.db")
        assert (done.returncode, done.stderr.count(b"\n"), done.stdout) == (2, 1, b"")
        assert words in done.stderr
    done = treetop("import", "-", "--db", tmp_path / "there.db", stdin=db.read_bytes())
    assert b"give its name" in done.stderr


def test_a_run_that_goes_away_meanwhile_is_not_exported(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "AT_ONCE", 5)
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


# While others write


def test_an_import_while_an_ingester_works_mixes_nothing_up(
    redis_server: RedisServer, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "AT_ONCE", 20)
    there = tmp_path / "there.db"
    old = simulated(nodes=60)
    store(there, old)
    (old_id,) = states(there)
    data = exported(there, old_id)
    live = [entry for name in ("A", "B", "C") for entry in Recorder(name).whole().entries]
    guessed = simulated(generation="G2", nodes=30)
    with ingesting(db, redis_server.url):
        until(db.exists)
        parts = [*(live[at : at + 5] for at in range(0, len(live), 5)), guessed]
        for part in parts[:5]:
            publish(redis_server, part)
        until(lambda: number_stored(db) > 0)
        taken: list[Taken] = []
        import_ = _thread(lambda: taken.append(imported(db, data)))
        for part in parts[5:]:
            publish(redis_server, part)
        import_()
        until(lambda: number_stored(db) == len(old) + len(live) + len(guessed))
    assert taken[0].counts == Counts(received=len(old), stored=len(old))
    found = states(db)
    assert found[old_id] == state_of(old, old_id)
    for name in ("A", "B", "C"):
        assert found[name] == state_of(Recorder(name).whole().entries, name)
    (guess,) = set(found) - {old_id, "A", "B", "C"}
    assert found[guess] == state_of(guessed, guess)
    assert query(db, "SELECT received, stored, rejected FROM stream") == [(len(live) + len(guessed),) * 2 + (0,)]
    assert query(db, "PRAGMA integrity_check") == [("ok",)]
    assert all(a < b for a, b in pairwise(seq for (seq,) in query(db, "SELECT seq FROM event ORDER BY seq")))


def _thread(work: Callable[[], object]) -> Callable[[], None]:
    """Do this meanwhile; the result waits for it, and fails if it did."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()

    def join() -> None:
        thread.join()
        if failures:
            raise failures[0]

    return join
