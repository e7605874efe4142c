"""`treetop serve` and `treetop replay` as commands."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from store.database.lease import holder
from store.model.entry import Entry
from store.stream.server import RedisServer
from tests.cli.test_cli import treetop
from tests.conftest import until
from tests.live import STREAM, command, number_stored, publish
from tests.published import bodies
from tests.recorder import Recorder
from tests.relay.stage import WAIT_TIMEOUT_S, Publishing, bodies_of, clean_environment, raw_client, receive, request, steps
from tests.relay.stage import client as connect

GATED = """
from store.relay import reference_socket
reference_socket.PAGE_WAIT_S, reference_socket.PAGE_SETTLE_S = 60.0, 0.0
from tui.cli.program import main
main()
"""
"""The program; new sockets of `/ws/events` wait for a request of `/api/events`."""


WAITING_FOR_INGESTER = """
import asyncio, sys
from pathlib import Path
from store.database.lease import holder
from store.relay.server import RelayServer
from tui.cli.program import main

shutdown = RelayServer.shutdown

async def shut_down_later(*arguments, **options):
    while holder(Path(sys.argv[sys.argv.index("--db") + 1])):
        await asyncio.sleep(0.01)
    await shutdown(*arguments, **options)

RelayServer.shutdown = shut_down_later
main()
"""
"""The program; the server closes its sockets after the end of the ingester."""


@contextmanager
def serving(*arguments: str, code: str = "", **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`treetop serve`, or other code that runs it, on a free port until the end of the block."""
    program = ["-c", code] if code else ["-m", "tui.cli"]
    words = [sys.executable, *program, "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**clean_environment(), **environment}
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"http://[^ ]*:(\d+)/", line)
        try:
            assert match is not None, (line, process.stderr and process.stderr.read())
            yield process, int(match[1])
        finally:
            process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a finished run."""
    path = tmp_path / "events.db"
    with Publishing(path) as publishing:
        publishing.store(Recorder().whole().entries)
    return path


class TestServe:
    """`treetop serve` as a process."""

    async def test_published_events_are_stored_and_sent(
        self, redis_server: RedisServer, tmp_path: Path, recorded: list[Entry]
    ) -> None:
        path = tmp_path / "events.db"
        publish(redis_server, recorded, ids=True)
        environment = {"SQLITE_DB_PATH": str(path), "REDIS_URL": redis_server.url, "RELOAD_LATEST_SESSION": "true"}
        with serving(**environment) as (_, port):
            until(lambda: number_stored(path) == 100)
            async with connect(port, "/ws/events") as client:
                assert await receive(client, 100) == bodies_of(recorded)
                node_id = json.loads(bodies_of(recorded)[-1])["payload"]["node_id"]
                more = Recorder(None, name="more").step_finished(node_id, "execute", after="FINISH")
                publish(redis_server, more.entries)
                assert await receive(client, 1) == bodies_of(more.entries)

    async def test_without_reload_only_later_events_are_sent(
        self, redis_server: RedisServer, tmp_path: Path, recorded: list[Entry]
    ) -> None:
        path = tmp_path / "events.db"
        publish(redis_server, recorded[:99], ids=True)
        with serving("--db", str(path), "--redis", redis_server.url) as (_, port):
            until(lambda: number_stored(path) == 99)
            async with connect(port, "/ws/events") as client:
                publish(redis_server, recorded[99:])
                assert await receive(client, 1) == bodies_of(recorded[99:])

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    async def test_a_signal_closes_the_sockets_and_stops_the_server(self, file: Path, number: signal.Signals) -> None:
        with serving("--no-ingest", "--reload", "--db", str(file)) as (process, port):
            stuck = socket.create_connection(("127.0.0.1", port))  # a connection without a request
            async with connect(port, "/ws/events") as client:
                await receive(client, 1)
                process.send_signal(number)
                with pytest.raises(ConnectionClosed) as caught:
                    await receive(client, 1_000)
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "the server is shutting down")
            assert await asyncio.to_thread(process.wait, 20) == 128 + number
            stuck.close()

    async def test_a_socket_that_waits_for_the_file_does_not_block_the_server(self, file: Path) -> None:
        begun = Recorder("begun").run_started()

        def status(path: str) -> int:
            return request(port, path, "GET", None, {}).status

        with serving("--no-ingest", "--db", str(file), code=GATED) as (_, port):
            async with connect(port, "/ws/events") as client:
                away = await asyncio.to_thread(file.rename, file.with_name("away.db"))
                await asyncio.to_thread(until, lambda: status("/healthz") == 503)
                assert (status("/api/events"), status("/healthz")) == (200, 503)
                await asyncio.to_thread(away.rename, file)
                await asyncio.to_thread(until, lambda: status("/healthz") == 200)
                with Publishing(file) as publishing:
                    publishing.store(begun.entries)
                    while await receive(client, 1) != bodies_of(begun.entries):
                        pass

    async def test_stalled_clients_do_not_delay_the_shutdown(self, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        with Publishing(path) as publishing:
            publishing.store(steps(3_000, "x" * 4_000).entries)
        with serving("--no-ingest", "--db", str(path), "--host", "localhost") as (process, port):
            stuck = [raw_client(port, "/ws/events?run=run") for _ in range(3)]
            async with connect(port, "/ws/events?run=run&after=2999") as client:
                await receive(client, 1)
                process.terminate()
                assert await asyncio.to_thread(process.wait, 20) == 143
            for one in stuck:
                one.close()

    def test_the_ingester_stops_with_the_server(self, redis_server: RedisServer, tmp_path: Path) -> None:
        path = tmp_path / "events.db"
        with serving("--db", str(path), "--redis", redis_server.url) as (process, _):
            until(lambda: holder(path))
            process.terminate()
            assert process.wait(20) == 143
            assert holder(path) is None

    def test_the_ingester_stops_while_the_server_closes_its_sockets(
        self, redis_server: RedisServer, tmp_path: Path
    ) -> None:
        path = tmp_path / "events.db"
        with serving("--db", str(path), "--redis", redis_server.url, code=WAITING_FOR_INGESTER) as (process, _):
            until(lambda: holder(path))
            process.terminate()
            assert process.wait(20) == 143

    async def test_a_client_continues_at_its_position_after_server_and_ingester_were_killed(
        self, redis_server: RedisServer, tmp_path: Path
    ) -> None:
        path = tmp_path / "events.db"
        run = Recorder().run_started().root()
        while len(run.entries) < 300:
            run.emit("thought", {"node_id": "root"})
        found: list[dict[str, Any]] = []
        for part in range(3):
            with serving("--db", str(path), "--redis", redis_server.url) as (process, port):
                publish(redis_server, run.entries[part * 100 : part * 100 + 100])
                until(lambda at=part: number_stored(path) >= at * 100 + 1)  # type: ignore[misc]
                wanted = part * 100 + (60 if part < 2 else 100)
                async with connect(port, f"/ws/runs/run?after={len(found)}") as client:
                    while len(found) < wanted:
                        message = json.loads((await receive(client, 1))[0])
                        found += [message] if message["type"] == "event" else []
                if part == 0:
                    ingester = int(str(holder(path)).split()[1])
                    os.kill(ingester, signal.SIGKILL)
                process.kill()
            until(lambda: holder(path) is None)
        assert [message["position"] for message in found] == list(range(1, 301))
        assert [message["event"] for message in found] == list(map(json.loads, bodies_of(run.entries)))

    async def test_each_closed_connection_prints_a_line(self, file: Path) -> None:
        with serving("--no-ingest", "--db", str(file)) as (process, port):
            async with connect(port, "/ws/events?run=run") as client:
                await receive(client, 3)
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            assert re.fullmatch(r"127\.0\.0\.1:\d+ /ws/events: [\d,]+ bytes in [\d.]+ s, closed with 1000\n", line), line

    async def test_quiet_prints_nothing(self, file: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        words = ("--quiet", "--no-ingest", "--db", str(file), "--port", str(port))
        with started("serve", *words, stdout=subprocess.PIPE) as process:
            await asyncio.to_thread(until, lambda: is_listening(port))
            async with connect(port, "/ws/events?run=run") as client:
                await receive(client, 1)
            process.terminate()
            assert (await asyncio.to_thread(process.communicate))[0] == b""

    def test_an_unreachable_redis_is_reported_without_its_password(self, tmp_path: Path) -> None:
        words = ("--quiet", "--redis", "redis://:hidden@127.0.0.1:1/0", "--db", str(tmp_path / "events.db"), "--port", "0")
        with unread("serve", *words, redirection="") as process:
            assert process.stderr is not None
            line = process.stderr.readline()
        assert line.startswith("treetop: Redis cannot be reached; it is tried again (")
        assert "hidden" not in line

    async def test_rejected_handshakes_print_nothing(self, file: Path) -> None:
        with serving("--no-ingest", "--db", str(file)) as (process, port):
            for path, origin in (("/ws/events", "http://evil.example"), ("/ws/nothing", None), ("/nothing", None)):
                with pytest.raises(InvalidStatus):
                    await connect(port, path, origin=origin)
            process.terminate()
            assert (await asyncio.to_thread(process.communicate))[1] == ""

    @pytest.mark.parametrize("redirection", [">&-", ">/dev/full", ""], ids=["closed", "full", "unread"])
    async def test_an_unwritable_standard_output_does_not_stop_the_server(self, file: Path, redirection: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        with unread("serve", "--no-ingest", "--db", str(file), "--port", str(port), redirection=redirection) as process:
            await asyncio.to_thread(until, lambda: process.poll() is not None or is_listening(port))
            async with connect(port, "/ws/events?run=run") as client:
                await receive(client, 1)
            process.terminate()
            stderr = (await asyncio.to_thread(process.communicate))[1]
        assert (process.returncode, stderr) == (143, "")

    @pytest.mark.parametrize("recorder", [Recorder().whole(), Recorder().run_started()], ids=["many events", "one event"])
    async def test_a_terminal_shows_a_status_line(self, tmp_path: Path, recorder: Recorder) -> None:
        file = tmp_path / "events.db"
        with Publishing(file) as publishing:
            publishing.store(recorder.entries)
        terminal, their = pty.openpty()
        shown = ""

        async def read() -> None:
            nonlocal shown
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                shown += (await asyncio.to_thread(os.read, terminal, 4096)).decode()

        with started("serve", "--no-ingest", "--port", "0", "--db", str(file), stdout=their) as process:
            os.close(their)
            while "0 clients · 1 run · 0 events/s" not in shown:
                await read()
            match = re.search(r":(\d+)/", shown)
            assert match is not None
            async with connect(int(match[1]), "/ws/events"):
                while "\r\x1b[K1 client · 1 run · 0 events/s" not in shown:  # replaces the previous status line
                    await read()
            process.terminate()
            await asyncio.to_thread(process.wait, 20)
        os.close(terminal)


@contextmanager
def started(*words: str, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    """A running command, killed at the end of the block."""
    with subprocess.Popen([sys.executable, "-m", "tui.cli", *words], stdout=stdout, env=clean_environment()) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def unread(*words: str, redirection: str) -> Iterator[subprocess.Popen[str]]:
    """A running command with redirected standard output, by default a pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "tui.cli", *words]
    with subprocess.Popen(shell, stdout=writing, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
        os.close(writing)
        try:
            yield process
        finally:
            process.kill()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


class TestUserErrors:
    """A user error prints one line on standard error and exits with 2."""

    def error_of(self, *arguments: str, **environment: str) -> str:
        done = treetop("serve", *arguments, **environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        return done.stderr

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1,0.0.0.0"])
    def test_serving_other_machines_requires_a_token(self, file: Path, host: str) -> None:
        error = self.error_of("--no-ingest", "--db", str(file), "--host", host)
        assert "a token is needed" in error or "has no address" in error

    def test_a_host_from_the_environment_requires_a_token(self, file: Path) -> None:
        assert "a token is needed" in self.error_of("--no-ingest", SQLITE_DB_PATH=str(file), WS_HOST="0.0.0.0")

    def test_a_port_in_use_is_rejected(self, file: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert "cannot listen" in self.error_of("--no-ingest", "--db", str(file), "--port", port)

    def test_an_address_in_use_leaves_no_socket_open(self, file: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            words = ("--no-ingest", "--db", str(file), "--port", str(taken.getsockname()[1]))
            assert "cannot listen" in self.error_of(*words, PYTHONWARNINGS="always::ResourceWarning")

    def test_a_port_out_of_range_is_rejected(self, file: Path) -> None:
        assert "65535" in self.error_of("--no-ingest", SQLITE_DB_PATH=str(file), WS_PORT="70000")

    def test_a_missing_file_is_rejected(self, tmp_path: Path) -> None:
        assert "there is no such file" in self.error_of("--no-ingest", "--db", str(tmp_path / "none.db"))

    def test_a_missing_web_folder_is_rejected(self, file: Path) -> None:
        assert "does not exist" in self.error_of("--db", str(file), "--web", "nowhere")

    async def test_the_token_may_come_from_the_environment(self, file: Path) -> None:
        with serving("--no-ingest", "--db", str(file), "--host", "0.0.0.0", TREETOP_TOKEN="t") as (_, port):
            assert request(port, "/api/runs", "GET", None, {}).status == 401
            assert request(port, "/api/runs", "GET", None, {"Authorization": "Bearer t"}).status == 200


class TestReplay:
    """`treetop replay` and replays over a WebSocket."""

    def test_a_replay_publishes_every_event_byte_for_byte(self, file: Path, redis_server: RedisServer) -> None:
        done = treetop("replay", "run", "--db", str(file), "--to", redis_server.url, "--stream", "again", "--speed", "1000")
        published = [json.dumps(body, ensure_ascii=False, separators=(",", ":")) for body in bodies(redis_server, "again")]
        assert published == bodies_of(Recorder().whole().entries)
        assert done.stdout == f"published {len(published)} events of run to again at {redis_server.url}\n"
        assert command(redis_server, "XLEN", STREAM) == 0

    def test_a_replay_may_start_at_a_position(self, file: Path, redis_server: RedisServer) -> None:
        words = ("--db", str(file), "--to", redis_server.url, "--stream", "s", "--speed", "1000", "--from", "50%")
        treetop("replay", "latest", *words)
        whole = bodies_of(Recorder().whole().entries)
        assert len(bodies(redis_server, "s")) == len(whole) - len(whole) // 2

    def test_user_errors_of_replay_are_one_line(self, file: Path) -> None:
        nowhere = ("--to", "redis://127.0.0.1:1/0")
        for words in (("none", *nowhere), ("run", *nowhere), ("run", "--from", "never"), ("run", "--speed", "0")):
            done = treetop("replay", *words, "--db", str(file))
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr

    async def test_a_replay_over_a_websocket_keeps_the_pace(self, file: Path) -> None:
        whole = bodies_of(Recorder().whole().entries)  # an event a second
        loop = asyncio.get_running_loop()
        with serving("--no-ingest", "--db", str(file)) as (_, port):
            begun = loop.time()
            path = f"/ws/events?run=run&speed=20&from={len(whole) - 10}"
            async with connect(port, f"{path}") as client:
                found = [text async for text in client]
            assert found == whole[-10:]
            assert loop.time() - begun > 9 / 20
            assert (client.close_code, client.close_reason) == (1000, "the replay has ended")
