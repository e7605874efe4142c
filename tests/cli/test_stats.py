"""`treetop stats` and `treetop check`."""

import json
from pathlib import Path
from typing import Any

import pytest

from store.model.work import merged, without
from tests.cli.test_cli import one_line, treetop
from tests.recorder import Recorder
from tests.runaways import PLANTED, Planted
from tests.tables import store

UTC = {"TZ": "UTC", "PYTHONIOENCODING": "utf-8"}


def printed(path: Path, *words: str) -> str:
    done = treetop(*words, "--db", str(path), **UTC)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def document(path: Path, *words: str) -> Any:
    return json.loads(printed(path, *words, "--json"))


def timed(recorder: Recorder, node_id: str, second: float, seconds: float, after: str = "FINISH") -> None:
    """A step of a node, with its beginning and its duration."""
    stamp = f"2025-04-22T17:00:{second:09.6f}Z"
    recorder.emit("step_started", {"node_id": node_id, "step": int(second * 10)}, timestamp=stamp)
    end = f"2025-04-22T17:00:{second + seconds:09.6f}Z"
    payload = {"node_id": node_id, "step": int(second * 10), "action_name": "execute", "status_after": after}
    recorder.emit("step_finished", payload | {"duration_seconds": seconds}, timestamp=end)


@pytest.fixture
def plan(db: Path) -> Path:
    """Root plans for 2 s. b (4 s) waits for a (3 s); c takes 5 s at the same time. Then root collects for 1 s."""
    recorder = Recorder("plan").run_started(parallel=True).root("root").node("root", "a").node("root", "b")
    recorder.node("root", "c").edge("root", "a", "b")
    timed(recorder, "root", 0, 2, after="DOING")
    timed(recorder, "a", 2, 3)
    timed(recorder, "c", 2, 5)
    timed(recorder, "b", 5, 4)
    timed(recorder, "root", 9, 1)
    store(db, recorder.run_finished().entries)
    return db


class TestOneRun:
    """`treetop stats RUN`."""

    def test_the_critical_path_follows_dependencies(self, plan: Path) -> None:
        found = document(plan, "stats", "plan")
        assert (found["work_seconds"], found["critical_seconds"], found["width"]) == (15.0, 10.0, 1.5)
        assert [(task["node"], task["own_seconds"]) for task in found["critical_path"]] == [
            ("root", 3.0),
            ("a", 3.0),
            ("b", 4.0),
        ]
        assert found["slack_seconds"] == {"root": 0.0, "a": 0.0, "b": 0.0, "c": 2.0}
        text = printed(plan, "stats", "plan")
        assert "15s of work, 10s on the critical path: could run 1.5 wide" in text
        assert "4.0s    40%  b Write a chapter" in text

    def test_a_step_around_other_steps_is_no_work_of_its_own(self, db: Path) -> None:
        recorder = Recorder("around").run_started(parallel=True).root("root").node("root", "a")
        recorder.emit("step_started", {"node_id": "root", "step": 0}, timestamp="2025-04-22T17:00:00Z")
        timed(recorder, "a", 2, 6)
        payload = {"node_id": "root", "step": 0, "status_after": "FINISH", "duration_seconds": 9.0}
        recorder.emit("step_finished", payload, timestamp="2025-04-22T17:00:09Z")
        store(db, recorder.entries)
        found = document(db, "stats", "around")
        assert (found["work_seconds"], found["critical_seconds"]) == (9.0, 9.0)
        assert [(task["node"], task["own_seconds"]) for task in found["critical_path"]] == [("root", 3.0), ("a", 6.0)]

    def test_a_step_whose_beginning_was_lost_ends_when_its_end_was_published(self, db: Path) -> None:
        recorder = Recorder("lost").run_started(parallel=True).root("root").node("root", "a")
        payload = {"node_id": "root", "step": 0, "status_after": "DOING", "duration_seconds": 10.0}
        recorder.emit("step_finished", payload, timestamp="2025-04-22T17:00:10Z")
        timed(recorder, "a", 10, 5)
        store(db, recorder.entries)
        found = document(db, "stats", "lost")
        assert [(task["node"], task["own_seconds"]) for task in found["critical_path"]] == [("root", 10.0), ("a", 5.0)]

    def test_groups_have_counts_tokens_and_percentiles(self, db: Path) -> None:
        store(db, Recorder("run").whole().entries)
        found = document(db, "stats", "run")
        (model,) = found["model"]
        assert (model["name"], model["count"], model["failed"], model["retries"]) == ("gpt-4o-mini", 4, 1, 1)
        assert (model["tokens_in"], model["tokens_out"], model["p50"], model["max"]) == (157, 923, 1.5, 1.5)
        assert {group["name"] for group in found["action"]} >= {"plan", "execute", "final_aggregate"}
        assert [group["name"] for group in found["depth"]] == ["1", "0"] or [g["name"] for g in found["depth"]] == [
            "0",
            "1",
        ]
        text = printed(db, "stats", "run")
        for title in ("MODEL", "TOOL", "AGENT", "ACTION", "TASK TYPE", "DEPTH"):
            assert f"\n{title} " in text

    def test_the_past_has_the_spans_of_its_position(self, plan: Path) -> None:
        found = document(plan, "stats", "plan", "--at", "8")
        assert (found["position"], found["work_seconds"]) == (8, 2.0)
        assert "at event 8 of 17" in printed(plan, "stats", "plan", "--at", "8")

    def test_the_past_has_the_types_that_tasks_had_then(self, db: Path) -> None:
        recorder = Recorder("types").run_started().root("root").node("root", "a")
        recorder.step("a", "execute", after="FINISH")
        position = len(recorder.entries)
        recorder.emit("node_created", {"node_id": "a", "outer_node_id": "root", "task_type": "REASONING"})
        store(db, recorder.entries)
        assert [group["name"] for group in document(db, "stats", "types")["type"]] == ["REASONING"]
        past = document(db, "stats", "types", "--at", str(position))
        assert [(group["name"], group["count"]) for group in past["type"]] == [("COMPOSITION", 1)]

    def test_a_run_without_steps_has_no_work(self, db: Path) -> None:
        store(db, Recorder("empty").run_started().entries)
        assert "no work has been measured" in printed(db, "stats", "empty")
        assert document(db, "stats", "empty")["width"] is None


class TestAllRuns:
    """`treetop stats`."""

    def test_runs_are_counted_by_day(self, plan: Path) -> None:
        store(plan, Recorder("failed").run_started().root("f").run_error().entries)
        found = document(plan, "stats")
        (day,) = found["days"]
        assert (day["day"], day["runs"], day["finished"], day["failed"]) == ("2025-04-22", 2, 1, 1)
        assert found["slowest"][0]["run_id"] == "plan"
        assert "2025-04-22" in printed(plan, "stats")

    def test_a_file_without_runs_has_no_statistics(self, db: Path) -> None:
        store(db, [])
        assert printed(db, "stats") == "no runs yet\n"
        assert document(db, "stats") == {"days": [], "slowest": [], "dearest": []}

    def test_a_position_requires_a_run(self, plan: Path) -> None:
        done = treetop("stats", "--at", "5", "--db", str(plan))
        assert (done.returncode, one_line(done.stderr)) == (2, "treetop: --at requires RUN; see treetop stats --help")


def test_a_terminal_without_unicode_gets_ascii(db: Path) -> None:
    store(db, Recorder("long").root(goal="Write " * 80).step("root", "plan", after="DOING").llm("root").entries)
    for command in (["runs"], ["stats"], ["stats", "long"], ["check", "long", "--max-cost", "1"]):
        done = treetop(*command, "--db", str(db), PYTHONIOENCODING="ascii")
        assert done.stdout.isascii()
        assert "?" not in done.stdout
        assert done.returncode == 0


class TestIntervals:
    """Times in which a task works, and the tasks inside it do not."""

    def test_overlapping_intervals_are_merged(self) -> None:
        assert merged([(5, 6), (1, 3), (2, 4), (4, 5)]) == [(1, 6)]

    def test_the_others_are_cut_out(self) -> None:
        assert without([(0, 10), (20, 30)], [(2, 3), (5, 22), (29, 40)]) == [(0, 2), (3, 5), (22, 29)]
        assert without([(0, 10)], []) == [(0, 10)]
        assert without([(2, 3)], [(0, 9)]) == []


class TestCheck:
    """`treetop check` exits with 1 if a limit was exceeded."""

    @pytest.fixture
    def costly(self, db: Path) -> Path:
        """A finished run of 1,500 tokens and 0.75 dollars in 4 s."""
        recorder = Recorder("costly").root().step_started("root")
        usage = {"prompt_tokens": 1_000, "completion_tokens": 500}
        recorder.emit("llm_call_completed", {"node_id": "root", "cost": 0.75, "token_usage": usage})
        store(db, recorder.step_finished("root", "execute", after="FINISH").run_finished().entries)
        return db

    def checked(self, path: Path, *words: str) -> tuple[int, str]:
        done = treetop("check", "latest", *words, "--db", str(path), **UTC)
        assert done.stderr == ""
        return done.returncode, done.stdout

    def test_a_run_within_its_limits_prints_nothing(self, costly: Path) -> None:
        limits = ("--max-cost", "0.75", "--max-time", "4s", "--max-tokens", "1.5k", "--no-failed")
        assert self.checked(costly, *limits) == (0, "")

    def test_each_exceeded_limit_is_one_line(self, costly: Path) -> None:
        limits = ("--max-cost", "0.74", "--max-time", "3s", "--max-tokens", "1499")
        assert self.checked(costly, *limits) == (
            1,
            "cost: $0.75; the limit is $0.74\ntime: 4.0s; the limit is 3.0s\ntokens: 1,500; the limit is 1,499\n",
        )

    @pytest.mark.parametrize(
        ("recorder", "line"),
        [
            (Recorder("a").run_started().root().run_error(), "failed: ValueError: no such model\n"),
            (Recorder("a").run_started().root().run_finished(), "failed: 1 task of 1 unfinished at the end\n"),
            (Recorder("a").root().step_started("root"), "failed: the run has not ended: interrupted\n"),
        ],
        ids=["failed", "ended", "interrupted"],
    )
    def test_a_run_that_did_not_finish_has_failed(self, db: Path, recorder: Recorder, line: str) -> None:
        store(db, recorder.entries)
        assert self.checked(db, "--no-failed") == (1, line)

    def test_what_is_unknown_is_noted(self, db: Path) -> None:
        store(db, Recorder("a").root().llm("root").entries)
        code, text = self.checked(db, "--max-cost", "1", "--max-tokens", "5")
        cost, tokens = text.splitlines()
        assert (code, cost) == (0, "note: cost: n/a · 1 call unpriced; the limit of $1.00 may be exceeded")
        assert tokens == "note: tokens: n/a; the limit of 5 may be exceeded"

    def test_a_run_may_have_to_be_free(self, costly: Path) -> None:
        assert self.checked(costly, "--max-cost", "0") == (1, "cost: $0.75; the limit is $0\n")

    def test_a_check_without_limits_is_for_runaways(self, costly: Path) -> None:
        assert self.checked(costly) == (0, "")

    @pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
    def test_each_reason_of_a_runaway_is_one_line(self, db: Path, planted: Planted) -> None:
        store(db, planted.make())
        code, text = self.checked(db)
        if planted.sign in (None, "cost", "tokens"):  # a budget is --max-cost, --max-tokens
            assert (code, text) == (0, "")
            return
        lines = text.splitlines()
        assert (code, {line.split(":")[1].strip() for line in lines}) == (1, {planted.sign})
        if planted.sign == "depth":
            assert lines == ["runaway: depth: 4 tasks with more than 20 tasks around each"]
        else:
            assert any(line.endswith(f": {planted.reason}") for line in lines)
        assert self.checked(db, "--allow-runaway") == (0, "")
