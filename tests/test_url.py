"""A password in an address is for Redis alone."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from store.errors import RedisError
from store.ingest import Ingester
from store.redis_server import RedisServer
from store.source import connect
from store.url import public
from tests.conftest import until
from tests.live import STREAM, command, ingesting, state_of_ingest
from tests.tables import query
from tests.tui.stage import Clock, shown, watching
from tui.app import Treetop

SECRET = "open-sesame"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("unix:///tmp/a:b@c/redis.sock", "unix:///tmp/a:b@c/redis.sock"),
        (f"redis://:{SECRET}@localhost", "redis://:***@localhost"),
        (f"rediss://me:{SECRET}@localhost:1/2?protocol=3", "rediss://me:***@localhost:1/2?protocol=3"),
        (f"redis://me:{SECRET}@{SECRET}@localhost", "redis://me:***@localhost"),
        (f"unix:///tmp/r.sock?db=1&password={SECRET}&protocol=2", "unix:///tmp/r.sock?db=1&password=***&protocol=2"),
        (f"redis://localhost?password={SECRET}", "redis://localhost?password=***"),
    ],
)
def test_an_address_is_told_without_its_password(url: str, told: str) -> None:
    assert public(url) == told


def test_no_error_tells_it(db: Path) -> None:
    with pytest.raises(RedisError, match=r"http://:\*\*\*@localhost: is not the address"):
        connect(f"http://:{SECRET}@localhost")
    with pytest.raises(RedisError, match=r"redis://:\*\*\*@localhost:1/0: .*; start Redis"):
        Ingester(db, f"redis://:{SECRET}@localhost:1/0", STREAM).drain()


def test_nor_does_a_file(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, f"{redis_server.url}?username=nobody&password={SECRET}"):
        until(lambda: state_of_ingest(db) == "refused")
        assert "password=***: wants a password, or another one" in query(db, "SELECT reason FROM stream")[0][0]
    assert [path.name for path in db.parent.iterdir() if SECRET.encode() in path.read_bytes()] == []


def test_nor_the_doctor(db: Path) -> None:
    options = ("--redis", f"redis://:{SECRET}@localhost:1/0", "--db", str(db))
    done = subprocess.run([sys.executable, "-m", "tui.cli", "doctor", *options], capture_output=True, text=True)
    assert "redis://:***@localhost:1/0: " in done.stdout
    assert SECRET not in done.stdout + done.stderr


def commands() -> list[bytes]:
    """What anybody on this machine sees of its processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


async def test_nor_a_screen_nor_the_command_of_its_ingester(redis_server: RedisServer, db: Path) -> None:
    command(redis_server, "CONFIG", "SET", "requirepass", SECRET)
    url = f"{redis_server.url}?password={SECRET}"
    try:
        app = Treetop(db, url, STREAM, clock=Clock())
        async with watching(app, width=200) as pilot:
            while state_of_ingest(db) != "live":
                await pilot.pause(0.01)
            assert "password=***" in shown(app)
            assert SECRET not in shown(app)
            assert any(b"ingest" in words and str(db).encode() in words for words in commands())
            assert not any(SECRET.encode() in words for words in commands())
    finally:
        with connect(url) as client:
            client.config_set("requirepass", "")
