"""The two lines above a run."""

import pytest
from rich.cells import cell_len

from store.state import Run, RunStatus
from tests.tui.stage import Alone, lines, shown, watching
from tui.theme import Glyphs
from tui.widgets.run_header import RunHeader

NOW = 1_000.0
RUN = Run("run-1", goal="Write a book", started=900.0, latest=990.0, nodes=10, finished=4, llm_calls=12, tool_calls=3)


async def header(run: Run | None, width: int = 120, place: str = "stored", gaps: int = 0, ascii_only: bool = False) -> str:
    """What the header of a run says."""
    made = RunHeader(Glyphs(ascii_only))
    made.run, made.now, made.place, made.gaps = run, NOW, place, gaps
    app = Alone(made)
    async with watching(app, width, 4):
        assert {cell_len(line) for line in lines(app)} == {width}
        return shown(app)


async def test_goal_progress_and_cost() -> None:
    said = await header(RUN)
    assert all(text in said for text in ("● running", "Write a book", "4/10 nodes", "1m40s", "12 llm", "3 tool", "n/a tok"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": RunStatus.COMPLETED, "finished": 10}, "✓ finished"),
        ({"status": RunStatus.COMPLETED}, "ended, 6 open"),
        ({"status": RunStatus.ERROR, "error": "no such model"}, "no such model"),
        ({"latest": 600.0}, "silent 6m40s"),
        ({"latest": -9_000.0, "started": -9_900.0}, "interrupted?"),
        ({"errors": 2, "aborted": 1}, "3 errors"),
        ({"tokens_in": 5, "tokens_out": 6}, "5+6 tok"),
        ({"goal": None}, "run-1"),
        ({"nodes": 0, "finished": 0}, "0/0 nodes"),
    ],
)
async def test_how_it_stands(changed: dict[str, object], said: str) -> None:
    fields = {name: getattr(RUN, name) for name in RUN.__struct_fields__}
    assert said in await header(Run(**{**fields, **changed}))


@pytest.mark.parametrize(("place", "said"), [("live", "LIVE"), ("following", "FOLLOWING"), ("deleted", "DELETED")])
async def test_where_it_stands(place: str, said: str) -> None:
    assert said in await header(RUN, place=place)


async def test_losses_are_not_kept_quiet() -> None:
    assert "2 gaps: incomplete" in await header(RUN, gaps=2)


async def test_before_the_run_is_read() -> None:
    assert "reading…" in await header(None)


@pytest.mark.parametrize("width", [1, 3, 10, 40, 79, 80, 109, 112, 113, 200])
async def test_any_width_will_do(width: int) -> None:
    assert await header(RUN, width, place="following", gaps=3)


async def test_in_ascii() -> None:
    assert (await header(RUN, ascii_only=True)).isascii()
