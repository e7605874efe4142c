"""The last line: the keys of the focused pane and the screen, as many as fit, always with the keys that leave.

Textual's footer creates a widget for each key whenever the focus moves, and leaks some of them. This is one widget.
"""

from collections.abc import Iterator
from typing import NamedTuple

from textual.content import Content
from textual.dom import DOMNode
from textual.reactive import reactive
from textual.screen import Screen

from tui.widgets.linked import LinkedLine, linked

ALWAYS = ("app.help", "app.help-anywhere", "app.leave", "runs.quit")
"""Ids of the bindings that are shown at any width, after the others."""

FIRST = (
    "prompt.submit",
    "prompt.cancel",
    "row.open",
    "chart.open",
    "chart.zoom-in",
    "chart.fit",
    "chart.idle",
    "travel.play",
    "travel.step",
    "travel.edge",
    "app.newest",
    "run.follow",
    "run.errors",
    "find.error",
    "run.travel",
    "run.search",
    "run.filter",
    "runs.filter",
    "runs.sort",
)
"""Ids of the bindings that are shown first, the most useful first."""

LAST = ("app.runs",)
"""Ids of the bindings that are shown after all but `ALWAYS`."""

GAP = "  "
"""Space between two keys."""


class Key(NamedTuple):
    """A key of the line."""

    key: str
    """Textual's name of the key."""
    name: str
    text: str
    id: str
    action: str
    place: DOMNode
    """Owner of the action."""

    @property
    def width(self) -> int:
        """Width in cells, including the space after it."""
        return Content(f"{self.name} {self.text}{GAP}").cell_length

    @property
    def rank(self) -> int:
        """Place in the line. Keys of equal rank keep their order."""
        if self.id in FIRST:
            return FIRST.index(self.id)
        if self.id in ALWAYS:
            return len(FIRST) + 1 + len(LAST) + ALWAYS.index(self.id)
        return len(FIRST) + (1 + LAST.index(self.id) if self.id in LAST else 0)


class KeyLine(LinkedLine):
    """Draws the active bindings with `show`, but those in `idle`. A click runs the action, also while text is typed."""

    DEFAULT_CSS = """
    KeyLine { height: 1; background: $footer-background; color: $foreground 70%; padding: 0 1; }
    """
    keys: reactive[tuple[Key, ...]] = reactive(())
    idle: reactive[frozenset[str]] = reactive(frozenset(), repaint=False)
    """Ids of the bindings that have no effect at present."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def watch_idle(self) -> None:
        if self.is_attached:
            self._changed(self.screen)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        found: dict[str, Key] = {}
        for place, binding, enabled, _ in screen.active_bindings.values():
            shown = binding.show and enabled and binding.id not in self.idle
            if shown and binding.action not in found:
                name = self.app.get_key_display(binding)
                found[binding.action] = Key(binding.key, name, binding.description, binding.id or "", binding.action, place)
        self.keys = tuple(sorted(found.values(), key=lambda key: key.rank))

    def _fitting(self) -> Iterator[Key]:
        """Keys that fit, in order."""
        left = self.size.width + len(GAP) - sum(key.width for key in self.keys if key.id in ALWAYS)
        for key in self.keys:
            if key.id in ALWAYS:
                yield key
            elif key.width <= left:
                left -= key.width
                yield key

    def line(self) -> Content:
        parts: list[Content | str] = []
        for key in self._fitting():
            name = Content.styled(key.name, "bold $footer-key-foreground")
            parts += [linked(Content.assemble(name, f" {key.text}"), key.key), GAP]
        return Content.assemble(*parts[:-1])

    def follow(self, target: str) -> None:
        for key in self.keys:
            if key.key == target:
                self.app.call_later(self.app.run_action, key.action, key.place)
