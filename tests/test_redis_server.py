"""A redis-server of one's own: there while it is needed, gone with all that it held whatever happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import RedisError
from store.redis_server import CHOICE, RedisServer, find_server, shipped_server
from tests.conftest import until
from tests.live import command

pytestmark = pytest.mark.redis


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_answers_when_it_was_started_and_leaves_nothing_behind() -> None:
    with RedisServer() as server:
        assert command(server, "PING") is True
        assert is_alive(server.pid)
    until(lambda: not is_alive(server.pid))
    assert not server.folder.exists()


def test_it_can_be_started_again_in_its_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = RedisServer(tmp_path_factory.mktemp("r"))
    for _ in range(2):
        with server:
            assert command(server, "DBSIZE") == 0
            command(server, "SET", "a", "b")
    assert server.folder.exists()


def test_one_that_can_not_start_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    (folder / "dump.rdb").write_bytes(b"not what Redis saved")
    with pytest.raises(RedisError, match=r"redis-server: died at its start \(.*\)"), RedisServer(folder):
        pass


def test_the_environment_names_the_one_to_run_then_comes_the_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_server()
    chosen, on_path = tmp_path / "redis-7", tmp_path / "redis-server"
    for path in (chosen, on_path):
        path.write_text(f'#!/bin/sh\ntouch "$0.ran"\nexec "{real}" "$@"\n')
        path.chmod(0o755)
    monkeypatch.delenv(CHOICE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_server() == on_path
    monkeypatch.setenv(CHOICE, str(chosen))
    with RedisServer():
        assert chosen.with_name("redis-7.ran").exists()
    monkeypatch.setenv(CHOICE, str(tmp_path / "none"))
    with pytest.raises(RedisError, match="none: is no program that can be run; name another in TREETOP_REDIS_SERVER"):
        find_server()


def test_where_there_is_none_the_shipped_one_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE, raising=False)
    monkeypatch.setenv("PATH", "")
    if shipped_server() is None:
        with pytest.raises(RedisError, match="there is no redis-server on this machine"):
            find_server()
    else:
        assert find_server() == shipped_server()


START = """
from store.errors import RedisError
from store.redis_server import CHOICE, RedisServer, find_server, shipped_server
with RedisServer() as server:
    print(server.pid, server.folder, flush=True)
    input()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_whoever_started_it(ending: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        assert is_alive(int(pid))
        owner.send_signal(ending)
    until(lambda: not is_alive(int(pid)))
    until(lambda: not Path(folder).exists())
