"""Zooming a pane, moving the divider between the tree and the other panes, and scrolling goals sideways."""

import json
from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.notifications import Notification
from textual.widget import Widget

from tests.recorder import START, Recorder
from tests.rest import rest
from tests.tables import store
from tests.tui.run_stage import focused, inspector, opened, timeline, tree
from tests.tui.stage import Clock, Hands, rows_of, sees, treetop, until, watching
from tui.widgets.text_pane import TextPane
from tui.widgets.tree_pane import TreePane

P = Path("treetop.db")
LONG = " ".join(f"word{number:02}" for number in range(30))


@pytest.fixture
def clock() -> Clock:
    return Clock(START.timestamp() + 10)


@pytest.fixture
def run(here: Path) -> Path:
    made = Recorder().run_started().root("book", "A book").node("book", "one", LONG, nid="1")
    store(P, made.node("one", "part", "A part", nid="1.1", layer=2).entries)
    return P


def pane(pilot: Hands) -> Widget:
    return pilot.app.screen.query_one(TreePane)


def state(tmp_path: Path) -> Path:
    """The file in which the split is remembered."""
    return tmp_path / "state" / "treetop" / "view.json"


def visible(pilot: Hands) -> set[str | None]:
    """Ids of the panes on the screen."""
    screen = pilot.app.screen
    panes = (screen.query_one(TreePane), timeline(pilot.app), screen.query_one(TextPane))  # type: ignore[arg-type]
    return {one.id for one in panes if one.region.area and one in screen._compositor.visible_widgets}


async def settled(pilot: Hands, *keys: str) -> None:
    """Open the run, press keys, and wait until the panes have their final sizes."""
    await opened(pilot, *keys)
    await rest(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_z_shows_only_the_focused_pane_and_all_again(run: Path, clock: Clock, size: tuple[int, int]) -> None:
    app = treetop(run, clock)
    async with watching(app, *size) as pilot:
        await settled(pilot)
        await rest(pilot)
        before = visible(pilot)
        for key, name in (("2", "tree-pane"), ("3", "timeline"), ("4", "inspector")):
            await pilot.press(key, "z")
            await until(pilot, lambda: visible(pilot) == {name})  # noqa: B023
            await pilot.press("z")
        await pilot.press("2", "z", "tab")
        await until(pilot, lambda: visible(pilot) == {"timeline"})
        await pilot.press("2", "z")
        await until(pilot, lambda: visible(pilot) == before)
        assert focused(app) == "tree"


@pytest.mark.parametrize(("width", "share"), [(120, 0.5), (160, 0.6), (200, 0.6)])
async def test_the_tree_gets_more_of_a_roomy_screen(run: Path, clock: Clock, width: int, share: float) -> None:
    app = treetop(run, clock)
    async with watching(app, width, 40) as pilot:
        await settled(pilot)
        await until(pilot, lambda: pane(pilot).region.width == round(width * share))


async def test_keys_move_the_divider_which_is_remembered(run: Path, clock: Clock, tmp_path: Path) -> None:
    app = treetop(run, clock)
    async with watching(app, 120, 36) as pilot:
        await settled(pilot, "right_parenthesis", "right_parenthesis", "left_parenthesis")
        await rest(pilot)
        assert pane(pilot).region.width == 66
    assert json.loads(state(tmp_path).read_bytes()) == {"split": {"beside": 0.55}}
    async with watching(treetop(run, clock), 200, 50) as pilot:
        await settled(pilot)
        assert pane(pilot).region.width == 110


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["stacked", "beside"])
async def test_the_divider_is_dragged(run: Path, clock: Clock, tmp_path: Path, size: tuple[int, int]) -> None:
    app = treetop(run, clock)
    async with watching(app, *size) as pilot:
        await settled(pilot)
        region, beside = pane(pilot).region, size[0] > 100
        grip = Offset(region.right, region.y + 5) if beside else Offset(region.x + 40, region.bottom)
        move = Offset(10, 0) if beside else Offset(0, 3)
        await pilot.mouse_down(offset=grip)
        await pilot.hover(offset=grip + move)
        assert not state(tmp_path).exists()
        await pilot.mouse_up(offset=grip + move)
        await rest(pilot)
        after = pane(pilot).region
        assert (after.width, after.height) == (region.width + move.x, region.height + move.y)
        assert state(tmp_path).exists()
        await pilot.hover(offset=grip)  # the button is up
        await rest(pilot)
        assert pane(pilot).region == after


async def test_no_pane_disappears(run: Path, clock: Clock) -> None:
    async with watching(treetop(run, clock), 120, 36) as pilot:
        await settled(pilot, *["left_parenthesis"] * 20)
        assert pane(pilot).region.width == 24
        await pilot.press(*["right_parenthesis"] * 20)
        assert pane(pilot).region.width == 96


@pytest.fixture
def lasting_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notices stay on the screen, however slow the machine is."""
    monkeypatch.setattr(Notification, "time_left", 1_000.0)
    monkeypatch.setattr(Notification, "has_expired", False)


@pytest.mark.parametrize("damage", [b"{", b'{"split": {"beside": "wide"}}', b"\xff\xfe", b'{"split": {"beside": 1e999}}'])
@pytest.mark.usefixtures("lasting_notices")
async def test_a_damaged_state_file_is_reported_once(run: Path, clock: Clock, tmp_path: Path, damage: bytes) -> None:
    state(tmp_path).parent.mkdir(parents=True)
    state(tmp_path).write_bytes(damage)
    app = treetop(run, clock)
    async with watching(app, 120, 36) as pilot:
        await settled(pilot)
        if b"1e999" not in damage:
            await sees(pilot, "cannot read")
        await pilot.press("right_parenthesis")
        await rest(pilot)
        assert pane(pilot).region.width in (66, 96)
        assert len(app._notifications) <= 1


@pytest.mark.usefixtures("lasting_notices")
async def test_an_unwritable_state_folder_is_reported_once(run: Path, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"not a folder")
    app = treetop(run, clock)
    async with watching(app, 120, 36) as pilot:
        await settled(pilot, "right_parenthesis", "right_parenthesis")
        await rest(pilot)
        assert len(app._notifications) == 1
        assert pane(pilot).region.width == 72


async def test_long_goals_are_scrolled_sideways(run: Path, clock: Clock) -> None:
    app = treetop(run, clock)
    async with watching(app, 120, 36) as pilot:
        await settled(pilot)
        await rest(pilot)
        assert "word00" in rows_of(tree(app))[1]
        await pilot.press("shift+right")
        row = rows_of(tree(app))[1]
        assert "1 …" in row
        assert "word00" not in row
        await pilot.press(*["shift+right"] * 9)
        assert "word25" in rows_of(tree(app))[1]
        await pilot.press(*["shift+left"] * 12)
        assert "word00" in rows_of(tree(app))[1]


async def test_the_title_has_the_path_to_the_selected_task(run: Path, clock: Clock) -> None:
    app = treetop(run, clock)
    async with watching(app, 120, 36) as pilot:
        await settled(pilot, "j", "j")
        await rest(pilot)
        assert tree(app).caption.endswith(", at 1 / 1.1")
        assert "1.1" in inspector(app)
        await pilot.press(*["right_parenthesis"] * 6)
        await rest(pilot)
        assert tree(app).caption.endswith(", at 1 word00 word01 word0… / 1.1")
        await pilot.press("g")
        await rest(pilot)
        assert ", at" not in tree(app).caption
