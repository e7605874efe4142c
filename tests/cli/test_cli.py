"""The command line, started as a shell does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from rich.cells import cell_len

from store.database.arrival import FIELD
from store.database.lease import Lease
from store.database.writer import Writer
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import state_of_ingest
from tests.recorder import Recorder
from tests.tables import store
from tui.cli.program import COMMANDS

NOWHERE = "redis://127.0.0.1:1/0"


def treetop(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished process of a command."""
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *arguments],
        env={**_clean(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [[], ["latest"], ["--no-ingest"], ["demo"]])
def test_the_screens_need_a_terminal(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "events.db"
    store(path, Recorder().root().entries)
    done = treetop(*words, SQLITE_DB_PATH=str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "this is not a terminal; `treetop runs`" in done.stderr


def _clean() -> dict[str, str]:
    ours = (
        "SQLITE_DB_PATH",
        "REDIS_URL",
        "EVENT_STREAM",
        "RELOAD_LATEST_SESSION",
        "WS_HOST",
        "WS_PORT",
        "TREETOP_TOKEN",
        "TREETOP_PRICES",
    )
    return {name: value for name, value in os.environ.items() if name not in ours}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one run of three tasks, one of them finished."""
    path = tmp_path / "treetop.db"
    recorder = Recorder(run_id="run-1").root("book", "Write about trees")
    recorder.node("book", "first", "Look up oaks", nid="1").node("book", "second", "Write about oaks", nid="2")
    recorder.edge("book", "first", "second").step("first", "execute_post_reflect", after="FINISH")
    with Writer(path) as writer:
        writer.append(recorder.entries)
    return path


def one_line(text: str) -> str:
    """The only line of a text."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


class TestHelp:
    """`treetop --help`."""

    @pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)], ids=lambda words: " ".join(words))
    def test_every_command_has_a_help_text(self, command: Sequence[str]) -> None:
        done = treetop(*command, "--help")
        assert done.returncode == 0
        assert f"Usage: {' '.join(('treetop', *command))} " in done.stdout

    def test_every_command_has_a_line_in_the_help_of_the_group(self) -> None:
        listed = treetop("--help").stdout.partition("\nCommands:\n")[2].splitlines()
        assert [line.split()[0] for line in listed] == list(COMMANDS)

    def test_the_option_that_the_screens_pass_to_the_ingester_is_hidden(self) -> None:
        assert "--until-eof" not in treetop("ingest", "--help").stdout

    def test_python_m_treetop_is_the_same_as_treetop(self) -> None:
        command = [sys.executable, "-m", "treetop", "--help"]
        assert subprocess.run(command, capture_output=True, text=True).stdout == treetop("--help").stdout

    def test_help_imports_neither_screens_nor_redis(self) -> None:
        code = "import sys; sys.argv = ['treetop', '--help']\nimport tui.cli.program as cli\n"
        code += "try: cli.main()\nexcept SystemExit: pass\n"
        code += "print([name for name in ('textual', 'redis', 'networkx', 'aiosqlite') if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        ("runs",),
        ("runs", "--json"),
        ("show", "latest"),
        ("show", "latest", "--json"),
        ("show", "latest", "--at", "50%"),
        ("export", "latest"),
        ("prune", "--keep", "1"),
    ],
    ids=" ".join,
)
def test_printing_commands_import_neither_textual_nor_redis_nor_networkx(file: Path, command: Sequence[str]) -> None:
    code = (
        "import sys\nimport tui.cli.program as cli\ntry: cli.main()\nexcept SystemExit as end: code = end.code\n"
        "print([name for name in ('textual', 'redis', 'networkx') if name in sys.modules], code)"
    )
    words = [sys.executable, "-c", code, *command, "--db", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[] 0"


class TestRuns:
    """`treetop runs` and `treetop show`."""

    def test_runs_are_listed_as_text(self, file: Path) -> None:
        done = treetop("runs", "--db", str(file))
        assert "run-1" in done.stdout
        assert "Write about trees" in done.stdout
        assert "1/3" in done.stdout

    def test_wide_characters_keep_columns_aligned(self, db: Path) -> None:
        ids = ["実行-一二三四五六七八九十", "run-2", "🌳🌳🌳🌳🌳🌳-3"]
        for run_id in ids:
            store(db, Recorder(run_id).root(f"root of {run_id}", "Write about trees").entries)
        lines = treetop("runs", "--db", str(db), PYTHONIOENCODING="utf-8").stdout.splitlines()
        assert [line.split()[0] for line in lines[1:]] == ids[::-1]
        assert len({cell_len(line.partition("Write about trees")[0]) for line in lines[1:]}) == 1

    def test_runs_are_listed_as_json(self, file: Path) -> None:
        (run,) = json.loads(treetop("runs", "--json", "--db", str(file)).stdout)
        assert (run["run_id"], run["status"], run["nodes"], run["finished"]) == ("run-1", "interrupted", 3, 1)
        assert run["tokens_in"] is None

    def test_a_run_is_shown_as_a_tree(self, file: Path) -> None:
        lines = treetop("show", "latest", "--db", str(file), PYTHONIOENCODING="utf-8").stdout.splitlines()
        assert lines[3].endswith("Write about trees [write READY]")
        assert lines[4].startswith("├─✓ 1 ")
        assert lines[5].startswith("└─○ 2 Write about oaks")

    def test_a_run_is_shown_as_json(self, file: Path) -> None:
        shown: dict[str, Any] = json.loads(treetop("show", "run", "--json", "--db", str(file)).stdout)
        assert set(shown) == {"run", "at", "nodes", "edges", "counts"}
        root, first, second = shown["nodes"]
        assert {"id", "nid", "parent", "type", "task_type", "goal", "status", "started", "finished"} <= set(root)
        assert (root["parent"], first["parent"], second["parent"]) == (None, root["id"], root["id"])
        assert [node["status"] for node in (root, first, second)] == ["READY", "FINISH", "NOT_READY"]
        (edge,) = shown["edges"]
        assert set(edge) == {"owner", "prerequisite", "dependent", "prerequisite_nid", "dependent_nid"}
        assert (edge["owner"], edge["prerequisite"], edge["dependent"]) == (root["id"], first["id"], second["id"])
        assert shown["counts"]["nodes"] == 3

    @pytest.mark.parametrize("words", [("show", "latest", "--json"), ("show", "latest"), ("runs", "--json")], ids=" ".join)
    def test_a_closed_output_ends_the_command_with_code_141(self, file: Path, words: Sequence[str]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "tui.cli", *words, "--db", str(file)]
        with open(writing, "wb") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, env=_clean(), timeout=60, check=False)
        assert (done.returncode, done.stderr) == (141, b"")


class TestIngest:
    """`treetop ingest`."""

    def test_drain_stores_the_stream_and_prints_the_counts(self, redis_server: RedisServer, tmp_path: Path) -> None:
        recorder = Recorder(run_id="r").whole()
        client = redis.Redis.from_url(redis_server.url)
        for entry in recorder.entries:
            client.xadd("some_events", {FIELD: entry.fields[FIELD]})
        client.xadd("some_events", {b"other": b"thing"})
        client.close()
        options = ("--db", str(tmp_path / "x.db"), "--redis", redis_server.url, "--stream", "some_events")
        done = treetop("ingest", "--drain", *options)
        stored = len(recorder.entries)
        assert json.loads(one_line(done.stdout)) == {
            "received": stored + 1,
            "stored": stored,
            "duplicate": 0,
            "rejected": 1,
        }

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_a_signal_stops_the_ingester(self, redis_server: RedisServer, tmp_path: Path, number: signal.Signals) -> None:
        path = tmp_path / "x.db"
        command = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--redis", redis_server.url]
        with subprocess.Popen(command, env=_clean()) as process:
            until(lambda: state_of_ingest(path) == "live")
            process.send_signal(number)
            assert process.wait(20) == 0
        assert state_of_ingest(path) == "stopped"

    def test_a_signal_ignored_by_nohup_does_not_stop_the_ingester(self, redis_server: RedisServer, tmp_path: Path) -> None:
        path = tmp_path / "x.db"
        command = ["nohup", sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--redis", redis_server.url]
        with subprocess.Popen(command, env=_clean(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda: state_of_ingest(path) == "live")
            process.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.terminate()
            assert process.wait(20) == 0

    def test_a_file_with_an_ingester_is_refused_with_code_75(self, redis_server: RedisServer, tmp_path: Path) -> None:
        path = tmp_path / "x.db"
        with Lease(path):
            done = treetop("ingest", "--db", str(path), "--redis", redis_server.url)
        assert done.returncode == 75
        assert str(os.getpid()) in one_line(done.stderr)


class TestUserErrors:
    """One line on stderr, and exit code 2."""

    def refuses(self, *arguments: str, **environment: str) -> str:
        done = treetop(*arguments, **environment)
        assert done.returncode == 2
        assert done.stdout == ""
        return one_line(done.stderr)

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        assert "there is no such file" in self.refuses("runs", "--db", str(tmp_path / "no.db"))

    def test_a_missing_folder_is_refused(self, tmp_path: Path) -> None:
        assert "there is no folder" in self.refuses("--db", str(tmp_path / "no" / "x.db"))

    def test_a_file_in_another_format_is_refused(self, tmp_path: Path) -> None:
        foreign = tmp_path / "x.db"
        foreign.write_text("some text, long enough to be no database at all")
        assert "is not a treetop file" in self.refuses("show", "latest", "--db", str(foreign))
        assert "is not a treetop file" in self.refuses("--db", str(foreign))

    def test_an_unknown_run_is_refused(self, file: Path) -> None:
        assert "there is no run 'x'" in self.refuses("show", "x", "--db", str(file))
        assert "there is no run 'x'" in self.refuses("x", "--db", str(file))

    def test_an_unreachable_redis_server_is_reported(self, tmp_path: Path) -> None:
        said = self.refuses("ingest", "--drain", "--redis", NOWHERE, "--db", str(tmp_path / "x.db"))
        assert NOWHERE in said
        assert "start Redis" in said

    @pytest.mark.parametrize(
        "arguments",
        [
            ("ingest", "--redis", "http://x", "--db", "x.db"),
            ("demo", "--speed", "fast"),
            ("demo", "--tasks", "1"),
            ("runs", "--what"),
            ("prune",),
            ("prune", "--older-than", "3 moons"),
            ("show", "latest", "--at", "nan"),
            ("show", "latest", "--at", "1e99"),
        ],
        ids=" ".join,
    )
    def test_a_bad_value_is_refused(self, arguments: Sequence[str], tmp_path: Path) -> None:
        self.refuses(*arguments, SQLITE_DB_PATH=str(tmp_path / "x.db"))


class TestSettings:
    """Options take precedence over the environment."""

    def test_the_environment_selects_the_file(self, file: Path) -> None:
        assert "run-1" in treetop("runs", SQLITE_DB_PATH=str(file)).stdout

    def test_an_option_takes_precedence(self, file: Path) -> None:
        assert "run-1" in treetop("runs", "--db", str(file), SQLITE_DB_PATH="elsewhere.db").stdout

    def test_the_environment_selects_redis_and_the_stream(self, redis_server: RedisServer, tmp_path: Path) -> None:
        done = treetop(
            "ingest", "--drain", SQLITE_DB_PATH=str(tmp_path / "x.db"), REDIS_URL=redis_server.url, EVENT_STREAM="s"
        )
        assert json.loads(done.stdout)["received"] == 0


class TestDoctor:
    """`treetop doctor`."""

    def test_doctor_reports_an_unreachable_redis_server(self, file: Path) -> None:
        done = treetop("doctor", "--db", str(file), "--redis", NOWHERE, PYTHONIOENCODING="utf-8", TERM="xterm")
        assert done.returncode == 1
        assert f"× redis     {NOWHERE}" in done.stdout

    def test_doctor_reports_no_problems(self, file: Path, redis_server: RedisServer) -> None:
        done = treetop("doctor", "--deep", "--db", str(file), "--redis", redis_server.url, TERM="xterm")
        assert done.returncode == 0, done.stdout
        assert done.stdout.endswith("no problems found\n")
