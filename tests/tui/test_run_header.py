"""The two lines above a run."""

import pytest
from rich.cells import cell_len

from store.model.state import Run, RunStatus
from tests.tui.stage import WidgetApp, lines, shown, watching
from tui.models.snapshot import Header
from tui.theme import Glyphs
from tui.widgets.run_header import RunHeader

NOW = 1_000.0
RUN = Run("run-1", goal="Write a book", started=900.0, latest=990.0, nodes=10, finished=4, llm_calls=12, tool_calls=3)


async def header(run: Run | None, width: int = 120, place: str = "stored", gaps: int = 0, ascii_only: bool = False) -> str:
    """The text of the header of a run."""
    made = RunHeader(Glyphs(ascii_only))
    made.shown = None if run is None else Header(run, NOW, place, gaps)  # type: ignore[arg-type]
    app = WidgetApp(made)
    async with watching(app, width, 4):
        assert {cell_len(line) for line in lines(app)} == {width}
        return shown(app)


async def test_the_header_shows_goal_progress_and_cost() -> None:
    output = await header(RUN)
    assert all(
        text in output for text in ("● live", "Write a book", "4 done · 6 open", "1m40s", "12 llm", "3 tool", "n/a tok")
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"status": RunStatus.COMPLETED, "finished": 10}, "✓ finished"),
        ({"status": RunStatus.COMPLETED}, "ended, 6 open"),
        ({"status": RunStatus.ERROR, "error": "no such model"}, "no such model"),
        ({"latest": 600.0}, "silent 6m40s"),
        ({"latest": -9_000.0, "started": -9_900.0}, "interrupted"),
        ({"errors": 2, "aborted": 1}, "3 errors"),
        ({"tokens_in": 5, "tokens_out": 6}, "5+6 tok"),
        ({"cost": 1.236}, "· $1.24 ·"),
        ({"cost": 1.236, "unpriced": 2}, "· ≥ $1.24 ·"),
        ({"goal": None}, "run-1"),
        ({"nodes": 0, "finished": 0}, "0 done · 0 open"),
        ({"status": RunStatus.COMPLETED, "finished": 10}, "━ 10/10 tasks"),
    ],
)
async def test_the_header_shows_the_status(changed: dict[str, object], expected: str) -> None:
    fields = {name: getattr(RUN, name) for name in RUN.__struct_fields__}
    assert expected in await header(Run(**{**fields, **changed}))


@pytest.mark.parametrize(("place", "expected"), [("live", "LIVE"), ("following", "FOLLOWING"), ("deleted", "DELETED")])
async def test_the_header_shows_what_is_on_the_screen(place: str, expected: str) -> None:
    assert expected in await header(RUN, place=place)


async def test_a_run_whose_plans_grow_has_no_bar() -> None:
    assert "━" not in await header(RUN)


async def test_the_header_shows_gaps() -> None:
    assert "2 gaps: incomplete" in await header(RUN, gaps=2)


async def test_the_header_is_empty_until_the_run_is_read() -> None:
    assert "reading…" in await header(None)


@pytest.mark.parametrize("width", [1, 3, 10, 40, 79, 80, 109, 112, 113, 200])
async def test_any_width_is_drawn_without_faults(width: int) -> None:
    assert await header(RUN, width, place="following", gaps=3)


async def test_the_header_can_be_drawn_in_ascii() -> None:
    assert (await header(RUN, ascii_only=True)).isascii()
