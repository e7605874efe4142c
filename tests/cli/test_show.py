"""`treetop runs` and `treetop show`: the same statuses and numbers in text, JSON and SQL views, now and in the past."""

import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.database.run_queries import SPANS_PER_QUERY
from store.model.document import encode, span_document
from tests.cli.test_cli import one_line, treetop
from tests.recorder import START, Recorder, spans_of
from tests.tables import query, store

UTF_8 = {"PYTHONIOENCODING": "utf-8", "TZ": "UTC"}


def ago(seconds: float) -> datetime:
    """The time `seconds` before now, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)


def shown(path: Path, *words: str) -> str:
    """The output of a command."""
    done = treetop(*words, "--db", str(path), **UTF_8)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def as_json(path: Path, *words: str) -> Any:
    """The JSON output of a command."""
    return json.loads(shown(path, *words, "--json"))


def column(table: str, title: str) -> dict[str, str]:
    """A column of the table of runs, by id of the run."""
    titles, *lines = table.splitlines()
    first = titles.index(title)
    if title in ("TASKS", "ERR"):  # aligned to the right
        return {line.split()[0]: line[: first + len(title)].split()[-1] for line in lines}
    return {line.split()[0]: line[first:].split("  ")[0] for line in lines}


@pytest.fixture
def runs(db: Path) -> Path:
    """A file with a run of each status, and a run with a model call open for more than a minute."""
    store(db, Recorder("interrupted", start=ago(5_000)).root().step_started("root").entries)
    store(db, Recorder("finished").root().step("root", "execute", after="FINISH").run_finished().entries)
    ended = Recorder("ended").root().node("root", "a").node("root", "b").step_started("a").llm("a", error="timeout")
    store(db, ended.step("b", "execute", after="FINISH").run_finished().entries)
    store(
        db,
        Recorder("failed")
        .root()
        .node("root", "a", "Look up oaks", nid="1")
        .step_started("a", "Look up oaks")
        .run_error()
        .entries,
    )
    store(db, Recorder("silent", start=ago(200)).root().entries)
    store(db, Recorder("waiting", start=ago(73)).root().step_started("root").llm_started("root", "one").entries)
    store(db, Recorder("live", start=ago(5)).root().entries)
    return db


class TestAgreement:
    """Text, JSON and SQL views agree about a run."""

    def test_each_status_is_one_word_in_text_and_json(self, runs: Path) -> None:
        found = {run["run_id"]: run["status"] for run in as_json(runs, "runs")}
        assert found == {
            "interrupted": "interrupted",
            "finished": "finished",
            "ended": "ended",
            "failed": "failed",
            "silent": "silent",
            "waiting": "live",
            "live": "live",
        }
        for run_id, status in found.items():
            assert as_json(runs, "show", run_id)["run"]["status"] == status
        printed = column(shown(runs, "runs"), "STATUS")
        assert printed.pop("waiting").startswith("llm for 1m")
        assert printed.pop("silent").startswith("silent 3m")
        assert printed.pop("ended") == "ended, 2 open"
        assert printed == {run_id: run_id for run_id in printed}

    def test_the_facts_of_a_run_have_the_status_of_the_list(self, runs: Path) -> None:
        for run_id, status in (("waiting", "llm for 1m"), ("silent", "silent 3m"), ("ended", "ended, 2 open · 1/3 tasks")):
            assert f"{run_id} · {status}" in shown(runs, "show", run_id)

    def test_errors_and_open_tasks_are_the_same_in_text_json_and_sql(self, runs: Path) -> None:
        listed = {run["run_id"]: run for run in as_json(runs, "runs")}
        errors = {run_id: run["errors"] for run_id, run in listed.items()}
        assert errors == {**dict.fromkeys(listed, 0), "ended": 2, "failed": 2}
        assert errors == {run_id: int(printed) for run_id, printed in column(shown(runs, "runs"), "ERR").items()}
        in_sql = {run_id: numbers for run_id, *numbers in query(runs, "SELECT run_id, errors, aborted_steps FROM runs")}
        assert in_sql == {run_id: [run["errors"], run["aborted"]] for run_id, run in listed.items()}
        assert [(listed[run_id]["open"], listed[run_id]["aborted"]) for run_id in ("ended", "failed")] == [(2, 1), (2, 1)]

    def test_errors_of_tasks_are_the_same_in_text_json_and_sql(self, runs: Path) -> None:
        found = as_json(runs, "show", "ended")
        assert [found[part][name] for part in ("run", "counts") for name in ("errors", "open")] == [2, 2, 2, 2]
        errors = {node["id"]: node["errors"] for node in found["nodes"]}
        assert errors == {"root": 0, "a": 2, "b": 0}
        in_sql = query(runs, "SELECT node_id, errors FROM nodes WHERE run_id = 'ended'")
        assert set(in_sql) == set(errors.items())
        text = shown(runs, "show", "ended")
        assert "2 errors" in text
        assert "×2" in text

    def test_views_have_the_statuses_of_the_reference_server(self, runs: Path) -> None:
        assert {status for (status,) in query(runs, "SELECT status FROM runs")} == {"running", "completed", "error"}

    def test_json_has_the_open_call_of_a_run(self, runs: Path) -> None:
        doing = {run["run_id"]: run["doing"] for run in as_json(runs, "runs")}
        assert (doing["waiting"]["kind"], doing["waiting"]["node"]) == ("llm", "root")
        since = datetime.fromisoformat(doing["waiting"]["since"])
        assert 70 <= (datetime.now(UTC) - since).total_seconds() < 200
        assert doing["live"] is doing["finished"] is None

    def test_prune_keeps_live_and_silent_runs(self, runs: Path) -> None:
        table = shown(runs, "prune", "--older-than", "1s")
        assert set(column(table, "STATUS")) & {"live", "waiting", "silent"} == set()
        assert "4 runs would be deleted" in table


class TestFailure:
    """The error of a failed run."""

    def test_the_error_and_its_task_are_printed(self, runs: Path) -> None:
        lines = shown(runs, "show", "failed").splitlines()
        assert lines[-1] == "× ValueError: no such model, in 1 Look up oaks"
        assert as_json(runs, "show", "failed")["run"]["error"] == "ValueError: no such model"

    def test_a_task_without_an_open_step_is_not_named_with_the_error(self, db: Path) -> None:
        store(db, Recorder("r").root("a", "Write").step("a", "plan", after="PLAN_DONE").run_error().entries)
        assert shown(db, "show", "r").splitlines()[-1] == "× ValueError: no such model"

    def test_the_last_error_of_each_failed_task_is_printed(self, db: Path) -> None:
        made = Recorder("r").root("book").node("book", "a").node("book", "b").node("book", "c")
        made.llm("a", error="overloaded").llm("a", error="timeout").llm("b", error="minor").llm("b").llm("c", error="odd")
        store(db, made.step("c", "execute", after="FINISH").step_started("b").step_started("a").run_finished().entries)
        assert shown(db, "show", "r").splitlines()[-4:] == [
            "",
            "last error of each failed task:",
            "× +0:07.0  a Write a chapter  llm executor: timeout (tried 2 times)",
            "× +0:17.0  b Write a chapter  step: aborted, without an end when the next step began",
        ]

    def test_a_position_before_the_failure_has_no_error(self, runs: Path) -> None:
        assert "no such model" not in shown(runs, "show", "failed", "--at", "3")


@pytest.fixture
def whole(db: Path) -> Path:
    """A file with one run, one event per second."""
    store(db, Recorder("run").whole().entries)
    return db


TOTAL = len(Recorder().whole().entries)


class TestSums:
    """What each task took and cost, without and with all tasks inside it."""

    @pytest.fixture
    def costs(self, db: Path) -> Path:
        """book contains write, which contains draft."""
        recorder = Recorder("costs").root("book").node("book", "write").node("write", "draft")
        for node_id, cost in (("write", 0.5), ("draft", 0.25), ("draft", None)):
            recorder.step_started(node_id).emit("llm_call_completed", {"node_id": node_id, "cost": cost})
            recorder.step_finished(node_id, "execute", after="DOING")
        store(db, recorder.llm("draft", tokens=(10, 5), error="timeout").entries)
        return db

    def test_totals_contain_everything_beneath(self, costs: Path) -> None:
        document = as_json(costs, "show", "costs")
        whole = {
            "seconds": 1.5,
            "llm_calls": 4,
            "tool_calls": 0,
            "tokens_in": 10,
            "tokens_out": 5,
            "errors": 1,
            "cost": 0.75,
            "unpriced_calls": 2,
        }
        book, write, draft = document["nodes"]
        assert document["run"]["total"] == book["total"] == write["total"] == whole
        nothing = dict.fromkeys(whole, 0) | dict.fromkeys(("seconds", "tokens_in", "tokens_out", "cost"))
        assert book["own"] == nothing
        assert write["own"] == nothing | {"seconds": 0.5, "llm_calls": 1, "cost": 0.5}
        assert draft["own"] == draft["total"] == whole | {"seconds": 1.0, "llm_calls": 3, "cost": 0.25}

    def test_totals_of_the_past_are_those_of_its_position(self, costs: Path) -> None:
        document = as_json(costs, "show", "costs", "--at", "9")
        book = document["nodes"][0]
        assert (book["total"]["cost"], book["total"]["llm_calls"], book["total"]["seconds"]) == (0.75, 2, 1.0)
        assert document["run"]["total"] == book["total"]

    def test_views_have_costs(self, costs: Path) -> None:
        assert query(costs, "SELECT cost, unpriced_calls FROM runs") == [(0.75, 2)]
        assert query(costs, "SELECT node_id, cost, unpriced_calls FROM nodes ORDER BY node_id") == [
            ("book", None, 0),
            ("draft", 0.25, 2),
            ("write", 0.5, 0),
        ]


class TestSpans:
    """`treetop show --json --spans`."""

    @pytest.mark.parametrize("position", [7, 24, TOTAL])
    def test_spans_are_those_of_the_position(self, whole: Path, position: int) -> None:
        found = as_json(whole, "show", "run", "--spans", "--at", str(position))["spans"]
        spans = spans_of(Recorder("run").whole().events[:position]).values()
        assert found == [json.loads(encode(span_document(span))) for span in spans]
        assert {span["outcome"] for span in found} == {7: {"open", "ok"}, 24: {"open", "ok"}, TOTAL: {"ok", "failed"}}[
            position
        ]

    def test_a_large_run_has_all_of_its_spans(self, db: Path) -> None:
        recorder = Recorder("run").root()
        for _ in range(SPANS_PER_QUERY):
            recorder.tool_invoked("root").llm("root")
        store(db, recorder.entries)
        found = as_json(db, "show", "run", "--spans")["spans"]
        assert [span["id"] for span in found] == sorted(spans_of(recorder.events))

    def test_spans_require_json(self, whole: Path) -> None:
        done = treetop("show", "run", "--spans", "--db", str(whole))
        assert (done.returncode, one_line(done.stderr)) == (2, "treetop: --spans requires --json; see treetop show --help")
        assert "spans" not in as_json(whole, "show", "run")


class TestPast:
    """`treetop show --at`."""

    @pytest.mark.parametrize("position", [0, 7, TOTAL])
    def test_a_moment_is_the_fold_of_its_events(self, whole: Path, position: int) -> None:
        state = Recorder("run")
        state.entries.extend(Recorder("run").whole().entries[:position])
        wanted = state.state
        found = as_json(whole, "show", "run", "--at", str(position))
        assert [(node["id"], node["status"], node["events"]) for node in found["nodes"]] == [
            (node.node_id, node.status, node.events) for node in wanted.nodes.values()
        ]
        assert (found["run"]["events"], found["counts"]["finished"]) == (position, wanted.run.finished)
        assert len(found["edges"]) == len(wanted.edges)

    def test_a_moment_is_labelled_as_past(self, whole: Path) -> None:
        began = START.replace(tzinfo=UTC)
        found = as_json(whole, "show", "run", "--at", "10")
        time = (began + timedelta(seconds=9)).isoformat().replace("+00:00", "Z")
        assert found["at"] == {"position": 10, "of": TOTAL, "time": time, "elapsed_seconds": 9.0}
        assert found["run"]["status"] == "live"
        line = shown(whole, "show", "run", "--at", "10").splitlines()[1]
        assert line.startswith(f"run · at event 10 of {TOTAL}, 9.0s · live · ")
        assert as_json(whole, "show", "run")["at"] is None
        assert "at event" not in shown(whole, "show", "run")

    @pytest.mark.parametrize("at", ["start", "end", "100%", "9s", "-9s", "17:00:09"])
    def test_positions_within_the_run_are_found(self, whole: Path, at: str) -> None:
        found = as_json(whole, "show", "run", "--at", at)
        assert found["at"]["position"] == found["run"]["events"] <= TOTAL

    @pytest.mark.parametrize("at", [str(TOTAL + 1), "2h", "-2h", "101%", "18:00:00", "16:59:00"])
    def test_positions_outside_the_run_are_refused_with_its_bounds(self, whole: Path, at: str) -> None:
        done = treetop("show", "run", f"--at={at}", "--json", "--db", str(whole), **UTF_8)
        assert (done.returncode, done.stdout) == (2, "")
        message = one_line(done.stderr)
        assert f"{at!r} is outside the run, which has events 1 to {TOTAL}, " in message
        assert "2025-04-22 17:00:00 to 2025-04-22 17:00:44, 44.0 seconds" in message

    def test_the_printed_duration_of_a_run_is_a_position(self, db: Path) -> None:
        entries = Recorder("run").root().emit("x", {}, timestamp="2025-04-22T17:02:29.600000Z").entries
        store(db, entries)
        assert "2m30s" in shown(db, "show", "run")
        assert as_json(db, "show", "run", "--at", "2m30s")["at"]["position"] == 2

    def test_a_moment_has_the_status_of_its_time(self, runs: Path) -> None:
        assert " · live · " in shown(runs, "show", "interrupted", "--at", "2")
        assert "interrupted · interrupted · " in shown(runs, "show", "interrupted")


@pytest.mark.parametrize("full", ["standard output", "temporary folder"])
def test_a_full_disk_is_reported_in_one_line(db: Path, full: str) -> None:
    recorder = Recorder("run").root("root")
    for number in range(400):
        recorder.node("root", f"node-{number}")
    store(db, recorder.entries)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # the size of every file, in place of a full disk

    command = [sys.executable, "-m", "tui.cli", "show", "run", "--json", "--db", str(db)]
    with open("/dev/full" if full == "standard output" else os.devnull, "wb") as out:
        prepare = limit if full == "temporary folder" else None
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, preexec_fn=prepare)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot be written; make room, or set TMPDIR to another folder" in line
