"""A run is unchanged by `treetop export` and `treetop import`, and imported once."""

import json
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database.stream_row import Counts
from store.database.writer import Writer
from store.model.entry import Entry, Gap, StreamId, follow
from store.pricing.pricer import Pricer
from store.stream.server import RedisServer
from store.transfer import exporter, importer
from store.transfer.importer import Imported
from store.transfer.redaction import Redactor
from tests.conftest import until
from tests.live import ingesting, number_stored, publish
from tests.recorder import Recorder, body_of, entry_of, state_of
from tests.strategies import streams
from tests.tables import query, rows, states, store
from tests.transfer.round_trip import FIRST, bodies, exported, imported, show, simulated, treetop
from tui.demo import Ending, Generation


@pytest.mark.parametrize("generation", ["G2", "G5"])
@pytest.mark.parametrize("ending", ["finished", "failing-branch", "failed", "killed"])
def test_an_exported_and_imported_run_is_unchanged(tmp_path: Path, ending: Ending, generation: Generation) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated(ending, generation, items=2, nodes=40))
    for run_id, state in states(here).items():
        there.unlink(missing_ok=True)
        imported(there, exported(here, run_id))
        assert states(there) == {run_id: state}


def test_a_run_passes_through_a_pipe(tmp_path: Path) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated("failed"), pricing=Pricer())  # as commands price calls
    out = treetop("export", "latest", "--db", here)
    assert b"found nothing to redact" in out.stderr
    back = treetop("import", "-", "--db", there, stdin=out.stdout)
    assert (back.returncode, back.stderr) == (0, b"")
    assert b" events stored, 0 there already" in back.stdout
    assert show(there) == show(here)


def test_import_prints_the_number_of_redacted_secrets(tmp_path: Path) -> None:
    here, there, archive = tmp_path / "here.db", tmp_path / "there.db", tmp_path / "run.jsonl"
    store(here, Recorder("r").root(goal="With password=hunter2 and token=8d7f-aa91-qq27-zx05-plmk").entries)
    assert treetop("export", "r", "-o", archive, "--db", here).returncode == 0
    done = treetop("import", archive, "--db", there)
    assert done.stdout.endswith(b"1 event stored, 0 there already, 2 secrets redacted in it\n"), done.stdout
    archive.unlink()
    assert treetop("export", "r", "--no-redact", "-o", archive, "--db", here).returncode == 0
    assert b"secrets" not in treetop("import", archive, "--db", tmp_path / "other.db").stdout


def test_the_recorded_run_is_unchanged_byte_for_byte(tmp_path: Path, recorded: list[Entry]) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, recorded)
    (run_id,) = states(here)
    imported(there, exported(here, run_id))
    assert states(there) == states(here)
    assert bodies(there) == bodies(here) == [entry.fields[b"json_payload"] for entry in recorded]
    assert query(there, "SELECT ms, number, guessed FROM event") == query(here, "SELECT ms, number, guessed FROM event")


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(streams(None, None, "A", "B", max_size=40))
def test_any_stream_is_unchanged_run_by_run(entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        here = Path(folder) / "here.db"
        stored = store(here, entries).stored
        found = states(here)
        assert sum(state.run.events for state in found.values()) == stored
        assert found or not stored
        for number, (run_id, state) in enumerate(found.items()):
            there = Path(folder) / f"{number}.db"
            imported(there, exported(here, run_id))
            assert states(there) == {run_id: state}


@settings(max_examples=settings().max_examples // 4, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5), st.booleans())
def test_any_body_is_unchanged_byte_for_byte(texts: list[str], ascii_only: bool) -> None:
    events = [{"event_type": text or "x", "payload": {"node_id": "n", text: texts}, "run_id": "run"} for text in texts]
    published = [json.dumps(event, ensure_ascii=ascii_only).encode("utf-8", "replace") for event in events]
    with TemporaryDirectory() as folder:
        here, there = Path(folder) / "here.db", Path(folder) / "there.db"
        store(here, [entry_of(body, number) for number, body in enumerate(published)])
        assert len(bodies(here)) + query(here, "SELECT count(*) FROM rejected")[0][0] >= len(set(published))
        assert len(states(here)) == (1 if bodies(here) else 0)
        for run_id in states(here):
            imported(there, exported(here, run_id))
            assert bodies(there) == bodies(here)


def test_events_without_an_id_are_imported_once(db: Path, tmp_path: Path) -> None:
    event = {"event_type": "note", "payload": {"node_id": "n"}}
    store(db, [entry_of(body_of(event), StreamId(FIRST, number)) for number in range(3)])
    (run_id,) = states(db)
    data = exported(db, run_id)
    assert imported(db, data).counts == Counts(received=3, duplicate=3)
    there = tmp_path / "there.db"
    assert imported(there, data).counts == Counts(received=3, stored=3)
    assert imported(there, data).counts == Counts(received=3, duplicate=3)
    assert states(there) == states(db)


def test_a_run_of_many_pages_and_batches_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "PAGE_MAX_EVENTS", 7)
    monkeypatch.setattr(exporter, "PAGE_MAX_BYTES", 3_000)
    monkeypatch.setattr(importer, "BATCH_MAX_ENTRIES", 7)
    monkeypatch.setattr(importer, "BATCH_MAX_BYTES", 3_000)
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    store(here, simulated())
    (run_id,) = states(here)
    imported(there, exported(here, run_id))
    assert (states(there), bodies(there)) == (states(here), bodies(here))


def test_a_repeated_import_changes_nothing(db: Path) -> None:
    store(db, Recorder("A").whole().entries)
    data = exported(db, "A")
    before = rows(db)
    assert imported(db, data).counts == Counts(received=45, duplicate=45)
    assert rows(db) == before


def test_a_repeated_import_completes_an_interrupted_one(tmp_path: Path, db: Path) -> None:
    entries = Recorder("A").whole().entries
    store(db, entries)
    there = tmp_path / "there.db"
    with Writer(there, guest=True) as writer:
        writer.append(entries[:20], archived_run="A")
    assert imported(there, exported(db, "A")).counts == Counts(received=45, stored=25, duplicate=20)
    assert states(there) == states(db)


def test_redacted_events_do_not_replace_stored_ones(db: Path) -> None:
    store(db, Recorder("A").root(goal="Log in with password=hunter2").entries)
    data = exported(db, "A", Redactor())
    before = rows(db)
    assert imported(db, data).counts == Counts(received=1, rejected=1)
    assert rows(db) == before


def test_an_import_leaves_other_runs_alone(db: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    store(db, Recorder(None).root("r").node("r", "a").entries)
    store(there, Recorder(None, name="other").root("other").node("other", "b").entries)
    before = states(there)
    imported(there, exported(db, "auto-r"))
    assert states(there) == {**before, **states(db)}
    assert query(there, "SELECT received, open_run FROM stream") == [(2, 1)]  # the counters of the stream are unchanged


def test_an_import_returns_the_number_of_losses(db: Path, tmp_path: Path) -> None:
    entries = Recorder("A").root().entries
    with Writer(db) as writer:
        key = writer.stream("agent_events")
        cursor = writer.cursor(key)
        after = follow(cursor, entries)
        writer.append(entries, key, cursor, after)
        writer.append([], key, after, after, Gap("trimmed", 7, StreamId(1, 0), None, "lost"))
    assert imported(tmp_path / "there.db", exported(db, "A")).gaps == 1


def test_an_import_beside_an_ingester_keeps_runs_apart(
    redis_server: RedisServer, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH_MAX_ENTRIES", 20)
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
        taken: list[Imported] = []
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
    """Run `work` in a thread. The returned function joins it and raises its error."""
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
