"""A redis-server of one's own: there while it is needed, gone with all that it held whatever happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import RedisError
from store.redis_server import RedisServer
from tests.conftest import until
from tests.live import command


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


START = """
from store.errors import RedisError
from store.redis_server import RedisServer
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
