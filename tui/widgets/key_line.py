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

ALWAYS = ("app.help", "app.leave", "runs.quit")
"""Ids of the bindings that are shown at any width."""


class Key(NamedTuple):
    """A key of the line."""

    key: str
    """Textual's name of the key."""
    name: str
    text: str
    always: bool
    action: str
    place: DOMNode
    """Owner of the action."""

    @property
    def width(self) -> int:
        """Width in cells, including the space after it."""
        return Content(f"{self.name} {self.text} ").cell_length


class KeyLine(LinkedLine):
    """Draws the active bindings with `show`. A click on one runs its action, also while text is typed."""

    DEFAULT_CSS = """
    KeyLine { height: 1; background: $footer-background; color: $footer-description-foreground; }
    """
    keys: reactive[tuple[Key, ...]] = reactive(())

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        found: dict[str, Key] = {}
        for place, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and enabled and binding.action not in found:
                name, always = self.app.get_key_display(binding), binding.id in ALWAYS
                found[binding.action] = Key(binding.key, name, binding.description, always, binding.action, place)
        self.keys = tuple(found.values())

    def _fitting(self) -> Iterator[Key]:
        """Keys that fit, in order."""
        left = self.size.width - sum(key.width for key in self.keys if key.always)
        for key in self.keys:
            if key.always:
                yield key
            elif key.width <= left:
                left -= key.width
                yield key

    def line(self) -> Content:
        parts: list[Content | str] = []
        for key in self._fitting():
            name = Content.styled(key.name, "bold $footer-key-foreground")
            parts += [linked(Content.assemble(name, f" {key.text}"), key.key), " "]
        return Content.assemble(*parts)

    def follow(self, target: str) -> None:
        for key in self.keys:
            if key.key == target:
                self.app.call_later(self.app.run_action, key.action, key.place)
