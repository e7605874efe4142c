"""What the user sees of the time of a run: a window of it, a time cursor, and idle stretches collapsed or not. Pure."""

from collections.abc import Sequence

from tui.models.folded_time import Stretch, panned, zoomed
from tui.models.time_scale import TimeScale

ZOOM = 0.5
"""Factor by which one step shortens the window."""

PAN_SHARE = 0.5
"""Share of the window by which one step moves it."""


class TimeView:
    """A window of time on an axis of some cells. Set `whole`, `idle` and `width` before its other members are used."""

    def __init__(self) -> None:
        self.whole = Stretch(0.0, 0.0)
        """All of the time."""
        self.idle: Sequence[Stretch] = ()
        """The idle stretches in it."""
        self.width = 1
        """Cells of the axis."""
        self.window: Stretch | None = None
        """The time on the axis; None: the whole time, even when it grows."""
        self.cursor: float | None = None
        """Time of the cursor; None until it is placed."""
        self.folding = False
        """Whether idle stretches are collapsed."""
        self._scale: tuple[tuple[object, ...], TimeScale] | None = None

    @property
    def scale(self) -> TimeScale:
        """The axis."""
        key = (self.window or self.whole, self.width, tuple(self._folded))
        if self._scale is None or self._scale[0] != key:
            self._scale = key, TimeScale(self.window or self.whole, self.width, self._folded)
        return self._scale[1]

    @property
    def _folded(self) -> Sequence[Stretch]:
        return self.idle if self.folding else ()

    def move(self, cells: int) -> None:
        """Move the cursor. The window follows a cursor that would leave it; a cursor outside the window enters it."""
        scale = self.scale
        if self.cursor is None:
            self.cursor = sum(scale.window) / 2
            return
        at = scale.cell(self.cursor)
        if at is None:
            at = 0 if self.cursor < scale.window.start else scale.width - 1
            cells = 0
        elif not 0 <= at + cells < scale.width:
            self._show(panned(scale.window, cells / scale.width, self.whole, self._folded))
            scale = self.scale
        self.cursor = scale.time(at + cells)

    def pan(self, step: int) -> None:
        """Move the window by a part of its length."""
        self._show(panned(self.scale.window, step * PAN_SHARE, self.whole, self._folded))

    def zoom(self, step: int, about: float | None = None) -> None:
        """Shorten the window, or lengthen it (`step` -1), around a time; None: the cursor."""
        if about is None:
            self.cursor = about = sum(self.scale.window) / 2 if self.cursor is None else self.cursor
        self._show(zoomed(self.scale.window, about, ZOOM**step, self.whole, self._folded))

    def fit(self) -> None:
        """Show all of the time."""
        self.window = None

    def point(self, cell: int) -> None:
        """Put the cursor into a cell of the axis."""
        if 0 <= cell < self.width:
            self.cursor = self.scale.time(cell)

    def _show(self, window: Stretch) -> None:
        self.window = None if window == self.whole else window
