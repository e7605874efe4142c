"""The status line above the keys: whether the screen is complete and current."""

import pytest
from rich.cells import cell_len

from store.model.record import StreamRow
from tests.tui.stage import WidgetApp, lines, shown, watching
from tui.theme import Glyphs
from tui.widgets.status_bar import StatusBar, lag_of

CALM = StreamRow("agent_events", "localhost:6379/0", "5000-0", 12_400, 12_345, 0, 0, "live", 0.0, None, "5000-0", 0, 0)


def stream(**changed: object) -> StreamRow:
    fields = {name: getattr(CALM, name) for name in CALM.__struct_fields__}
    return StreamRow(**{**fields, **changed})


async def bar(
    *rows: StreamRow,
    ingester: str | None = "process 7 on host",
    width: int = 160,
    trouble: str = "",
    plain: bool = False,
) -> str:
    """The text of the status line."""
    made = StatusBar(Glyphs(plain))
    made.streams, made.ingester, made.trouble, made.file = rows, ingester, trouble, "events.db"
    app = WidgetApp(made)
    async with watching(app, width, 3):
        assert {cell_len(line) for line in lines(app)} == {width}
        return shown(app)


async def test_an_ingester_without_lag_is_shown() -> None:
    output = await bar(CALM)
    assert all(text in output for text in ("● redis", "12.3k stored", "agent_events", "events.db"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "reading"}, "catching up"),
        ({"state": "away", "reason": "redis://nowhere: refused"}, "redis unreachable: redis://nowhere: refused"),
        ({"state": "refused", "reason": "NOAUTH"}, "redis refuses access: NOAUTH"),
        ({"state": "connecting"}, "connecting"),
        ({"state": "stopped"}, "stopped"),
        ({"state": "reading", "head": "9000-0"}, "lag 4.0s"),
        ({"duplicate": 3}, "3 repeated"),
        ({"rejected": 4}, "4 rejected"),
        ({"gaps": 2, "lost": 500}, "2 gaps, 500 lost"),
        ({"gaps": 1, "lost": None}, "1 gap, unknown number lost"),
    ],
)
async def test_each_state_has_a_text(changed: dict[str, object], expected: str) -> None:
    assert expected in await bar(stream(**changed))


async def test_a_stopped_ingester_is_shown() -> None:
    assert "not ingesting" in await bar(CALM, ingester=None)


async def test_the_reason_of_a_stopped_ingester_is_shown() -> None:
    assert "not ingesting: disk full" in await bar(CALM, ingester=None, trouble="disk full")


async def test_a_starting_ingester_is_shown() -> None:
    assert "starting" in await bar()


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
def test_lag_is_the_number_of_entries_that_are_not_stored(changed: dict[str, object], lag: float | None) -> None:
    assert lag_of(stream(**changed)) == lag


@pytest.mark.parametrize("width", [1, 2, 3, 10, 40, 80])
async def test_any_width_is_drawn_without_faults(width: int) -> None:
    assert await bar(stream(state="away", reason="東京\x1b[2J" * 50), width=width)


async def test_the_status_line_can_be_drawn_in_ascii() -> None:
    assert (await bar(stream(state="away", reason="refused"), plain=True)).isascii()


SEVERAL = [stream(name=name, stored=1_000) for name in ("a", "b", "c")]


async def test_several_streams_are_shown_in_total() -> None:
    output = await bar(*SEVERAL)
    assert all(text in output for text in ("● redis", "3000 stored", "3 of 3 streams live"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "away", "reason": "refused"}, "× b: redis unreachable: refused"),
        ({"state": "refused", "reason": "NOAUTH"}, "× b: redis refuses access: NOAUTH"),
        ({"state": "reading", "head": "9000-0"}, "● b: catching up · lag 4.0s"),
        ({"gaps": 2, "lost": 7}, "2 gaps, 7 lost"),
        ({"rejected": 4}, "4 rejected"),
    ],
)
async def test_of_several_streams_the_one_in_trouble_is_shown(changed: dict[str, object], expected: str) -> None:
    output = await bar(SEVERAL[0], stream(name="b", **changed), SEVERAL[2])
    assert expected in output
    assert f"{2 if 'state' in changed else 3} of 3 streams live" in output
