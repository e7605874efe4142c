"""Access control by host, origin and token."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.recorder import Recorder
from tests.relay.stage import (
    Answer,
    Publishing,
    Stage,
    ready,
    receive,
    relaying,
    until,
)

TOKEN = "correct horse battery stäple"


@pytest.fixture
def file(db: Path) -> Path:
    with Publishing(db) as publishing:
        publishing.store(Recorder().whole().entries)
    return db


@pytest.fixture
async def stage(file: Path) -> AsyncIterator[Stage]:
    async with relaying(file, reload=True) as stage:
        yield await ready(stage)


@pytest.fixture
async def guarded(file: Path) -> AsyncIterator[Stage]:
    """A relay for other machines, with a token."""
    async with relaying(file, token=TOKEN, loopback=False, names=["relay.example"], reload=True) as stage:
        yield await ready(stage)


async def socket_status(stage: Stage, **headers: str) -> int:
    """The status of the response to a handshake."""
    options: dict[str, Any] = {
        "additional_headers": {name.title(): value for name, value in headers.items() if name != "host"}
    }
    if "origin" in headers:
        options = {"origin": headers["origin"]}
    try:
        if "host" in headers:
            return await asyncio.to_thread(raw_status, stage.port, headers["host"])
        async with stage.connect("/ws/events", **options) as client:
            await receive(client, 1)
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def raw_status(port: int, host: str) -> int:
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(
            f"GET /ws/events HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        return int(one.recv(100).split()[1])


class TestHost:
    """The Host header must name this server, against DNS rebinding."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:9999", "127.1.2.3"])
    async def test_names_of_this_machine_are_accepted(self, stage: Stage, host: str) -> None:
        assert (await stage.get("/api/runs", Host=host)).status == 200
        assert await socket_status(stage, host=host) == 101

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[", "a@localhost", "x y"],
    )
    async def test_other_hosts_are_rejected(self, stage: Stage, host: str) -> None:
        answer = await stage.get("/api/runs", Host=host)
        assert answer.status == 403
        assert "not known as" in answer.error
        assert await socket_status(stage, host=host) == 403

    async def test_an_allowed_host_name_is_accepted(self, guarded: Stage) -> None:
        bearer = {"Authorization": f"Bearer {TOKEN}".encode().decode("latin-1")}
        assert (await guarded.get("/api/runs", Host="relay.example", **bearer)).status == 200
        assert (await guarded.get("/api/runs", Host="10.0.0.1:9999", **bearer)).status == 200
        assert (await guarded.get("/api/runs", Host="evil.example", **bearer)).status == 403


class TestOrigin:
    """Pages of other origins have no access."""

    async def test_pages_of_this_server_are_accepted(self, stage: Stage) -> None:
        own = f"http://127.0.0.1:{stage.port}"
        assert (await stage.get("/api/runs", Origin=own)).status == 200
        assert await socket_status(stage, origin=own) == 101

    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://127.0.0.1.evil.example", "x"]
    )
    async def test_other_origins_are_rejected(self, stage: Stage, origin: str) -> None:
        answer = await stage.get("/api/runs", Origin=origin)
        assert answer.status == 403
        assert "another origin" in answer.error
        assert await socket_status(stage, origin=origin) == 403

    async def test_embedding_by_other_sites_is_rejected_and_navigation_is_accepted(self, stage: Stage) -> None:
        embedded = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
        assert (await stage.get("/api/events?limit=1", **embedded)).status == 403
        framed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
        assert (await stage.get("/", **framed)).status == 403
        opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
        assert (await stage.get("/", **opened)).status == 200

    async def test_no_response_allows_another_origin(self, stage: Stage) -> None:
        for path in ("/api/runs", "/", "/api/nothing"):
            headers = (await stage.get(path)).headers
            assert not any(name.startswith("access-control") for name in headers)
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"


class TestToken:
    """A token is required beyond the loopback interface."""

    @pytest.mark.parametrize("path", ["/", "/api", "/api/runs", "/api/events", "/metrics", "/nothing"])
    async def test_requests_without_the_token_are_rejected(self, guarded: Stage, path: str) -> None:
        answer = await guarded.get(path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert (await guarded.get(path, Authorization="Bearer wrong")).status == 401
        assert (await guarded.get(path, Authorization=f"Basic {TOKEN[:5]}")).status == 401
        assert (await guarded.get(path, Cookie="treetop=wrong")).status == 401

    async def test_websockets_require_the_token(self, guarded: Stage) -> None:
        assert await socket_status(guarded) == 401
        cookie = cookie_of(await guarded.get("/login?token=correct%20horse%20battery%20st%C3%A4ple"))
        assert await socket_status(guarded, cookie=cookie) == 101

    async def test_a_bearer_token_is_accepted(self, guarded: Stage) -> None:
        header = f"Bearer {TOKEN}".encode().decode("latin-1")
        assert (await guarded.get("/api/runs", Authorization=header)).status == 200

    async def test_a_login_sets_a_cookie(self, guarded: Stage) -> None:
        answer = await guarded.get("/login?token=correct%20horse%20battery%20st%C3%A4ple")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert (await guarded.get("/api/runs", Cookie=cookie_of(answer))).status == 200

    async def test_a_login_with_a_wrong_token_is_rejected(self, guarded: Stage) -> None:
        for path in ("/login", "/login?token=", "/login?token=wrong"):
            answer = await guarded.get(path)
            assert answer.status == 401
            assert "set-cookie" not in answer.headers

    async def test_errors_do_not_contain_the_path_of_the_file(self, guarded: Stage, file: Path) -> None:
        header = f"Bearer {TOKEN}".encode().decode("latin-1")
        answer = await guarded.get("/api/runs/none", Authorization=header)
        assert answer.error.startswith("there is no run 'none';")
        away = file.with_name("away.db")
        await asyncio.to_thread(file.rename, away)
        await until(lambda: not guarded.relay.feed.ready.is_set())
        answer = await guarded.get("/healthz")
        assert (answer.status, str(file.parent) in answer.error) == (503, False)

    async def test_the_health_check_requires_no_token(self, guarded: Stage) -> None:
        assert (await guarded.json("/healthz")) == {"status": "ok"}


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]
