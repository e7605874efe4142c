"""What the screens remember from one start to the next: how the user split them. Losing it is harmless."""

from pathlib import Path
from typing import Literal

import msgspec
from platformdirs import user_state_path

Layout = Literal["beside", "stacked", "waterfall"]
"""Whether the other panes are beside the tree or below it, or the waterfall is beside it."""

SHARE_MIN, SHARE_MAX = 0.2, 0.8
"""Bounds of the share of the tree in the screen, so that no pane disappears."""


class _Remembered(msgspec.Struct):
    split: dict[Layout, float] = {}


class ViewState:
    """The contents of one small file, by default in the user's folder for such state."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_state_path("treetop") / "view.json"
        self._failed = False
        """Whether a failure was reported."""
        self._remembered = _Remembered()
        self.problem = ""
        """What went wrong, to be shown once; empty if nothing did."""
        try:
            self._remembered = msgspec.json.decode(self.path.read_bytes(), type=_Remembered)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeError) as error:
            self._report("read", error)

    def share(self, layout: Layout) -> float | None:
        """The share of the tree in the screen that the user chose; None if the user chose none."""
        share = self._remembered.split.get(layout)
        return None if share is None else max(SHARE_MIN, min(share, SHARE_MAX))

    def split(self, layout: Layout, share: float) -> None:
        """Choose the share of the tree in the screen."""
        self._remembered.split[layout] = round(max(SHARE_MIN, min(share, SHARE_MAX)), 3)

    def save(self) -> None:
        """Write the file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self._remembered))
            new.replace(self.path)
        except OSError as error:
            self._report("write", error)

    def take_problem(self) -> str:
        """The problem that was not shown yet, if any."""
        problem, self.problem = self.problem, ""
        return problem

    def _report(self, what: str, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self.problem = f"{self.path}: cannot {what} the remembered split ({error}); the usual one is used"
