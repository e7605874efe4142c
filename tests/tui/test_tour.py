"""The questions of the README's tour, answered on the runs of the demo with the number of keys that it states."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from store.database.lease import Lease
from tests.pictures import prepare
from tests.rest import rest
from tests.tui.stage import shown, treetop, watching

LIVE, FINISHED, FAILED = 0, 1, 3
"""Rows of the list of runs."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Callable[[], float]]:
    path = tmp_path_factory.mktemp("demo") / "treetop.db"
    return path, prepare(path)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
@pytest.mark.parametrize(
    ("row", "keys", "answer"),
    [
        pytest.param(LIVE, ["enter"], r"▶ 9\.4 Draft.* llm 2\.4s +2\.5s", id="what is it doing now"),
        pytest.param(
            FAILED,
            ["enter"],
            r"× OSError: \[Errno 28\](.|\n)*× 6\.2 (.|\n)*« tool done.* 502 Server Error",
            id="why did it fail",
        ),
        pytest.param(LIVE, ["enter"], r"◑ 9 Write the part.* 44s .*\$0\.0014", id="what did task 9 cost so far"),
        pytest.param(FINISHED, ["enter", "G"], r"✓ 9 Write the part.*\d+s .*\$0\.0\d+", id="what did task 9 cost"),
    ],
)
async def test_the_answer_is_on_the_screen(
    demo: tuple[Path, Callable[[], float]],
    here: Path,
    size: tuple[int, int],
    row: int,
    keys: list[str],
    answer: str,
) -> None:
    shutil.copy(demo[0], "treetop.db")
    app = treetop(Path("treetop.db"), demo[1])
    with Lease(Path("treetop.db")):
        async with watching(app, *size) as pilot:
            await rest(pilot)
            for key in ["j"] * row + keys:
                await pilot.press(key)
                await rest(pilot)
            assert re.search(answer, shown(app)), shown(app)


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        pytest.param(LIVE, r"now +llm gpt-4o-mini 2\.4s", id="what is it doing now"),
        pytest.param(FAILED, r"ended by +\w+Error", id="why did it fail"),
    ],
)
async def test_the_answer_is_beneath_a_short_list(
    demo: tuple[Path, Callable[[], float]], here: Path, row: int, answer: str
) -> None:
    shutil.copy(demo[0], "treetop.db")
    app = treetop(Path("treetop.db"), demo[1])
    with Lease(Path("treetop.db")):
        async with watching(app, 80, 24) as pilot:
            await rest(pilot)
            await pilot.press(*["j"] * row)
            await rest(pilot)
            assert re.search(answer, shown(app)), shown(app)
