"""Is what you see complete and current? The line above the keys says so."""

import pytest
from rich.cells import cell_len

from store.record import StreamRow
from tests.tui.stage import Alone, lines, shown, watching
from tui.theme import Glyphs
from tui.widgets.status_bar import StatusBar, lag_of

CALM = StreamRow("agent_events", "5000-0", 12_400, 12_345, 0, 0, "live", 0.0, None, "5000-0", 0, 0)


def stream(**changed: object) -> StreamRow:
    fields = {name: getattr(CALM, name) for name in CALM.__struct_fields__}
    return StreamRow(**{**fields, **changed})


async def bar(
    row: StreamRow | None,
    ingester: str | None = "process 7 on host",
    width: int = 160,
    trouble: str = "",
    plain: bool = False,
) -> str:
    """What the bar says."""
    made = StatusBar(Glyphs(plain))
    made.stream, made.ingester, made.trouble, made.file = row, ingester, trouble, "events.db"
    app = Alone(made)
    async with watching(app, width, 3):
        assert {cell_len(line) for line in lines(app)} == {width}
        return shown(app)


async def test_all_is_well() -> None:
    said = await bar(CALM)
    assert all(text in said for text in ("● redis", "12.3k stored", "agent_events", "events.db"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "reading"}, "catching up"),
        ({"state": "away", "reason": "redis://nowhere: refused"}, "redis away: redis://nowhere: refused"),
        ({"state": "refused", "reason": "NOAUTH"}, "redis refuses: NOAUTH"),
        ({"state": "connecting"}, "connecting"),
        ({"state": "stopped"}, "stopped"),
        ({"state": "reading", "head": "9000-0"}, "lag 4.0s"),
        ({"duplicate": 3}, "3 repeated"),
        ({"rejected": 4}, "4 rejected"),
        ({"gaps": 2, "lost": 500}, "2 gaps, 500 lost"),
        ({"gaps": 1, "lost": None}, "1 gap, unknown number lost"),
    ],
)
async def test_each_state_has_a_word(changed: dict[str, object], said: str) -> None:
    assert said in await bar(stream(**changed))


async def test_nothing_is_being_stored() -> None:
    assert "not ingesting" in await bar(CALM, ingester=None)


async def test_nothing_is_being_stored_and_why() -> None:
    assert "not ingesting: disk full" in await bar(CALM, ingester=None, trouble="disk full")


async def test_it_is_only_starting() -> None:
    assert "starting" in await bar(None)


@pytest.mark.parametrize(
    ("changed", "lag"),
    [
        ({}, None),
        ({"state": "reading", "head": None}, None),
        ({"state": "reading", "head": "7500-3"}, 2.5),
        ({"state": "reading", "head": "1000-0"}, None),
        ({"state": "reading", "position": "0-0", "head": "9000-0"}, None),
        ({"state": "reading", "head": "what"}, None),
    ],
)
def test_lag_is_what_redis_has_and_the_file_has_not(changed: dict[str, object], lag: float | None) -> None:
    assert lag_of(stream(**changed)) == lag


@pytest.mark.parametrize("width", [1, 2, 3, 10, 40, 80])
async def test_any_width_will_do(width: int) -> None:
    assert await bar(stream(state="away", reason="東京\x1b[2J" * 50), width=width)


async def test_in_ascii() -> None:
    assert (await bar(stream(state="away", reason="refused"), plain=True)).isascii()
