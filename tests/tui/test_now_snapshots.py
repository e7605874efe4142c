"""Pictures of the screen of what all live runs do now."""

from pathlib import Path

import pytest

from tests.tui.stage import Clock, treetop
from tests.tui.test_now_screen import stuck  # noqa: F401 - a fixture
from tests.tui.test_snapshots import Compare, keys

SIZES = {"small": (80, 24), "large": (200, 50)}


@pytest.mark.parametrize("light", [False, True], ids=["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
def test_late_calls_are_first(
    snap_compare: Compare,
    stuck: Path,  # noqa: F811 - the fixture
    clock: Clock,
    size: str,
    light: bool,
) -> None:
    app = treetop(stuck, clock, light=light)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=keys("n"))


def test_what_waits_is_listed_on_demand(
    snap_compare: Compare,
    stuck: Path,  # noqa: F811 - the fixture
    clock: Clock,
) -> None:
    assert snap_compare(treetop(stuck, clock), terminal_size=(120, 36), run_before=keys("n", "a", "j"))
