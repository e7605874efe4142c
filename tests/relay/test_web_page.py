"""The web page of a folder."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.recorder import Recorder
from tests.relay.stage import Publishing, Stage, ready, relaying


@pytest.fixture
def file(db: Path) -> Path:
    with Publishing(db) as publishing:
        publishing.store(Recorder().whole().entries)
    return db


class TestWeb:
    """`--web` serves the files of a folder."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "web"
        (folder / "assets").mkdir(parents=True)
        (folder / "index.html").write_text("the page")
        (folder / "assets" / "app.js").write_text("the script")
        (folder / ".env").write_text("hidden")
        (tmp_path / "secret.txt").write_text("outside")
        (tmp_path / "web-too").mkdir()
        (tmp_path / "web-too" / "secret.txt").write_text("outside")
        (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
        (folder / "away").symlink_to(tmp_path)
        (folder / "round").symlink_to("round")
        os.mkfifo(folder / "pipe")
        return folder

    @pytest.fixture
    async def web(self, file: Path, folder: Path) -> AsyncIterator[Stage]:
        async with relaying(file, web=folder) as stage:
            yield await ready(stage)

    async def test_files_are_served(self, web: Stage) -> None:
        assert (await web.get("/")).body == b"the page"
        answer = await web.get("/assets/app.js")
        assert answer.body == b"the script"
        assert "javascript" in answer.headers["content-type"]

    @pytest.mark.parametrize(
        "path",
        [
            "/nothing",
            "/run/7",
            "/assets",
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e%2fsecret.txt",
            "/assets/../../secret.txt",
            "/..\\secret.txt",
            "/..%5csecret.txt",
            "/%252e%252e/secret.txt",
            "/../web-too/secret.txt",
            "//secret.txt",
            "///etc/passwd",
            "/%2fetc/passwd",
            "/link.txt",
            "/away/secret.txt",
            "/round",
            "/pipe",
            "/.env",
            "/%00",
            "/index.html%00.js",
            "/" + "x" * 5_000,
            "/" + "a/" * 3_000,
            "/%ff%fe",
        ],
    )
    async def test_every_other_path_returns_the_page(self, web: Stage, path: str) -> None:
        answer = await web.get(path)
        assert (answer.status, answer.body) == (200, b"the page")

    async def test_api_paths_and_methods_are_not_answered_by_the_page(self, web: Stage) -> None:
        assert (await web.get("/api/nothing")).status == 404
        assert (await web.get("/ws/nothing")).status == 404
        assert (await web.ask("POST", "/")).status == 405
