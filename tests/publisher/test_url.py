"""Addresses of Redis: passwords of any characters are parsed, and never printed, logged, shown or stored."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from store.errors import RedisError
from store.stream.client import connect
from store.stream.ingest import Ingester
from store.stream.server import RedisServer
from tests.conftest import until
from tests.live import STREAM, command, ingesting, state_of_ingest
from tests.recorder import Recorder
from tests.tables import query, store
from tests.tui.stage import Clock, shown, watching
from treetop.address import mask, parse, public
from treetop.publisher import Publisher
from tui.app import Treetop

SECRET = "open-sesame"


@pytest.mark.parametrize(
    ("url", "shown_url"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("unix:///tmp/a:b@c/redis.sock", "unix:///tmp/a:b@c/redis.sock"),
        (f"redis://:{SECRET}@localhost", "redis://:***@localhost"),
        (f"rediss://me:{SECRET}@localhost:1/2?protocol=3", "rediss://me:***@localhost:1/2?protocol=3"),
        (f"redis://me:{SECRET}@{SECRET}@localhost", "redis://me:***@localhost"),
        (f"unix:///tmp/r.sock?db=1&password={SECRET}&protocol=2", "unix:///tmp/r.sock?db=1&password=***&protocol=2"),
        (f"redis://localhost?password={SECRET}", "redis://localhost?password=***"),
        (f"rediss://h?ssl_password={SECRET}&ssl_ca_certs=/a.pem&pasword=x", "rediss://h?ssl_password=***&ssl_ca_certs=/a.pem&pasword=***"),
        ("redis://:pa?ss@host/1", "redis://:***@host/1"),
        ("redis://:pa/s#s@host?db=1", "redis://:***@host?db=1"),
        ("redis://me:p@ss@host", "redis://me:***@host"),
        ("redis://:pa ss@host", "redis://:***@host"),
        ("redis://token@host", "redis://***@host"),
        ("redis://host?password=a@b", "redis://host?password=***"),
        ("redis://me:123?4@host", "redis://***"),
        ("redis://:secret", "redis://:***"),
        ("redis://:/secret", "redis://:***"),
        ("redis://localhost:secret/0", "redis://localhost:***"),
        ("unix://me:a/b@/tmp/x.sock?db=1", "unix://me:***@/tmp/x.sock?db=1"),
        ("redis://:x@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
        (f"redis+sentinel://me:{SECRET}@a:1,b:2/agents/3", "redis+sentinel://me:***@a:1,b:2/agents/3"),
        (f"rediss+sentinel://a/s?sentinel_username=me&sentinel_password={SECRET}", "rediss+sentinel://a/s?sentinel_username=me&sentinel_password=***"),
        (f"redis+cluster://:{SECRET}@[::1]:7000,b:7001?ssl_keyfile=/k", "redis+cluster://:***@[::1]:7000,b:7001?ssl_keyfile=/k"),
        ("redis+cluster://a:7000,b:7001", "redis+cluster://a:7000,b:7001"),
        (f"redis+cluster://a:7000,{SECRET}", "redis+cluster://a:***"),
        (f"redis+sentinel://me:1,2/{SECRET}@a:1/agents", "redis+sentinel://me:***@a:1/agents"),
        (f"redis+sentinel://a:1,b:2/{SECRET}@c:1/agents", "redis+sentinel://***"),
    ],
)  # fmt: skip
def test_the_password_in_an_address_is_masked(url: str, shown_url: str) -> None:
    assert public(url) == shown_url
    assert public(shown_url) == shown_url
    assert mask(f"{url} is not there") == f"{shown_url} is not there"


LETTERS = "QZXJ"
"""Letters that occur only in passwords."""

ODD = [*"/?#@:&=%+ []\\'\"<>`,;.-_\t\n\x00éß\u2100\udcff", "%2F", "%2525", "db=1&", "://"]

passwords = st.lists(st.sampled_from(["QZX", "XJQZ", "JZXQJZ", *ODD]), min_size=1, max_size=8).map("".join)

ADDRESSES = (
    "redis://:{}@localhost:6379/0",
    "rediss://me:{}@db.example.org?protocol=3",
    "redis://me:{}@[::1]:7000",
    "unix://me:{}@/tmp/redis.sock?db=2",
    "redis://{}@localhost",
    "redis://localhost?password={}",
    "redis://localhost:6379/0?db=1&pasword={}&protocol=3",
    "rediss://localhost?ssl_ca_certs=/etc/ca.pem&ssl_password={}",
    "unix:///tmp/redis.sock?password={}",
    "redis://:{}",
    "redis+sentinel://me:{}@h1:26379,h2:26379/agents/1",
    "rediss+sentinel://h1:26379/agents?sentinel_password={}&ssl_certfile=/c.pem",
    "redis+cluster://:{}@[::1]:7000,h2:7001",
    "rediss+cluster://{}@h1:7000,h2:7001?db=1",
    "redis+sentinel://:{}",
    "redis+cluster://h1:7000,{}",
)


@settings(max_examples=500)
@given(
    st.sampled_from(ADDRESSES),
    passwords,
    st.sampled_from([str, quote, quote_plus]),
    st.sampled_from(["{}", "before {} behind", "ValueError: {!r}: no such host"]),
)
def test_masking_leaves_no_part_of_a_password(address: str, password: str, spell: object, text: str) -> None:
    assert callable(spell)
    assume("//{}@" not in address or ":" not in password)  # a name, which is shown, precedes a colon
    assume(not address.endswith("{}") or "?" in address or "@" not in password)  # a host follows an @
    try:
        url = address.format(spell(password))
    except UnicodeEncodeError:
        url = address.format(password)
    masked = (public(url), mask(text.format(url), url), mask(text.format(public(url))))
    assert [one for one in masked if any(letter in one for letter in LETTERS)] == []
    with suppress(ValueError, RedisError):
        connect(url).close()


@given(st.sampled_from(ADDRESSES), passwords)
@example("redis://:{}", "QZX\u2100XJQ")
def test_the_error_for_an_address_contains_no_part_of_its_password(address: str, password: str) -> None:
    refusal = RedisError()
    try:
        connect(address.format(password)).close()
    except RedisError as error:
        refusal = error
    assert not any(letter in str(refusal) for letter in LETTERS)
    assert refusal.__context__ is None or refusal.__suppress_context__  # a traceback prints the context


@pytest.mark.parametrize("password", ["pa?ss", "pa#ss", "pa/ss", "p@ss", "p:a ss", "pa%ss", "p%2Fss", "[pa]&s=s", "päß℀"])
def test_a_password_of_any_characters_opens_redis(redis_server: RedisServer, db: Path, password: str) -> None:
    command(redis_server, "CONFIG", "SET", "requirepass", password)
    try:
        for written in {password.replace("%", "%25"), quote(password, safe="")}:
            with connect(f"unix://:{written}@{redis_server.socket}") as client:
                assert client.ping()
    finally:
        with connect(f"unix://:{quote(password, safe='')}@{redis_server.socket}") as client:
            client.config_set("requirepass", "")


def test_an_ambiguous_address_is_refused(db: Path) -> None:
    done = treetop("ingest", "--drain", "--redis", "redis://me:123?4@localhost", "--db", str(db))
    assert done.returncode == 2
    assert "redis://***: " in done.stderr
    assert "%3F for ?" in done.stderr


def test_parameters_for_tls_may_follow_a_password_of_odd_characters() -> None:
    url = "rediss://me:a/b?c@localhost?ssl_ca_certs=/ca.pem"
    assert parse(url) == ("rediss://localhost?ssl_ca_certs=/ca.pem", "me", "a/b?c")


def treetop(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tui.cli", *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "--drain", "--redis", f"redis://:{SECRET}"),
        ("ingest", "--drain", "--redis", f"redis://:pa?{SECRET}@localhost:1"),
        ("doctor", "--redis", f"rediss://localhost:1?ssl_password={SECRET}"),
        ("doctor", "--redis", f"redis://:{SECRET}"),
        ("doctor", "--redis", f"localhost:1/0?password={SECRET}"),
        ("ingest", "--drain", "--redis", f":{SECRET}@localhost:1"),
        ("ingest", "--drain", "--redis", f"{SECRET}@localhost"),
        ("ingest", "--drain", "--redis", f"//me:{SECRET}@localhost"),
        ("runs", "--db", f"redis://:{SECRET}@localhost/0"),
        ("show", f"redis://:{SECRET}@localhost/0"),
        ("show", f"redis://:{SECRET}@localhost/0", "--redis", "x"),
        (f"redis://:{SECRET}@localhost/0", "redis://:x@localhost"),
    ],
)
def test_no_command_prints_the_password(db: Path, words: tuple[str, ...]) -> None:
    store(db, Recorder().whole().entries)
    done = treetop(*words) if "--db" in words else treetop(*words, "--db", str(db))
    assert done.returncode in (1, 2)
    assert SECRET not in done.stdout + done.stderr
    assert "***" in done.stdout + done.stderr or "No such option" in done.stderr


def test_the_password_is_masked_in_an_error_of_redis_that_quotes_it(db: Path, tmp_path: Path) -> None:
    """A server without AUTH replies: `unknown command 'AUTH', with args beginning with: 'open-sesame'`."""
    with RedisServer(tmp_path, options=("--rename-command", "AUTH", "", "--rename-command", "HELLO", "")) as server:
        url = f"unix://:{SECRET}@{server.socket}"
        done = treetop("ingest", "--drain", "--redis", url, "--db", str(db))
        assert "unknown command" in done.stderr
        assert SECRET not in done.stderr
        assert SECRET not in treetop("doctor", "--redis", url, "--db", str(db)).stdout
        store(db, Recorder().whole().entries)
        done = treetop("replay", "latest", "--to", url, "--stream", "copy", "--db", str(db))
        assert "unknown command" in done.stderr
        assert SECRET not in done.stderr
        with Publisher(url) as run:
            run.run_started()
            until(lambda: run.error)
            assert "unknown command" in str(run.error)
            assert SECRET not in str(run.error)


def test_the_log_of_a_publisher_does_not_contain_the_password(caplog: pytest.LogCaptureFixture) -> None:
    with Publisher(f"rediss://me:pa/{SECRET}@localhost:1/0?ssl_password={SECRET}") as run:
        run.run_started()
        until(lambda: run.error)
        run.close(0.0)
    assert "rediss://me:***@localhost:1/0?ssl_password=***" in caplog.text
    assert SECRET not in caplog.text


def test_no_exception_contains_the_password(db: Path) -> None:
    with pytest.raises(RedisError, match=r"http://:\*\*\*@localhost: is not a Redis address"):
        connect(f"http://:{SECRET}@localhost")
    with pytest.raises(RedisError, match=r"redis://:\*\*\*@localhost:1/0: .*; start Redis"):
        Ingester(db, f"redis://:{SECRET}@localhost:1/0", STREAM).drain()


def test_no_file_contains_the_password(redis_server: RedisServer, db: Path) -> None:
    with ingesting(db, f"{redis_server.url}?username=nobody&password={SECRET}"):
        until(lambda: state_of_ingest(db) == "refused")
        assert "password=***: requires a password, or another one" in query(db, "SELECT reason FROM stream")[0][0]
    assert [path.name for path in db.parent.iterdir() if SECRET.encode() in path.read_bytes()] == []


def test_the_doctor_does_not_print_the_password(db: Path) -> None:
    options = ("--redis", f"redis://:{SECRET}@localhost:1/0", "--db", str(db))
    done = treetop("doctor", *options)
    assert "redis://:***@localhost:1/0: " in done.stdout
    assert SECRET not in done.stdout + done.stderr


def commands() -> list[bytes]:
    """Command lines of all processes on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


async def test_neither_a_screen_nor_the_command_line_of_its_ingester_contains_the_password(
    redis_server: RedisServer, db: Path
) -> None:
    secret = f"{SECRET}-{os.getpid()}"  # other tests have SECRET in their command lines
    command(redis_server, "CONFIG", "SET", "requirepass", secret)
    url = f"{redis_server.url}?password={secret}"
    try:
        app = Treetop(db, url, [STREAM], clock=Clock())
        async with watching(app, width=200) as pilot:
            while state_of_ingest(db) != "live":
                await pilot.pause(0.01)
            assert "password=***" in shown(app)
            assert secret not in shown(app)
            assert any(b"ingest" in words and str(db).encode() in words for words in commands())
            assert not any(secret.encode() in words for words in commands())
    finally:
        with connect(url) as client:
            client.config_set("requirepass", "")
