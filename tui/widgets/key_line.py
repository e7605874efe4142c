"""The last line: the keys of where one is, as many as fit, the way out always among them.

Textual's own footer makes a widget for each key whenever the focus moves, and never lets go of them all; this is one line.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

ALWAYS = ("app.help", "app.leave", "runs.quit")
"""Ids of the bindings that are shown however narrow the line is."""


class Key(NamedTuple):
    """A key that is shown."""

    key: str
    """By Textual's name."""
    name: str
    text: str
    always: bool

    @property
    def width(self) -> int:
        """Cells that it takes, with the space behind it."""
        return Content(f"{self.name} {self.text} ").cell_length


class KeyLine(Widget):
    """Shows the bindings of the screen that are to be shown. A click on one presses its key."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    KeyLine { height: 1; background: $footer-background; color: $footer-description-foreground; }
    """
    keys: reactive[tuple[Key, ...]] = reactive(())
    pointed: reactive[int | None] = reactive(None)
    """The column of the mouse."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        found: dict[str, Key] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and enabled and binding.action not in found:
                name = self.app.get_key_display(binding)
                found[binding.action] = Key(binding.key, name, binding.description, binding.id in ALWAYS)
        self.keys = tuple(found.values())

    def _fitting(self) -> Iterator[tuple[int, Key]]:
        """The keys that fit, each with the column at which it begins."""
        left = self.size.width - sum(key.width for key in self.keys if key.always)
        at = 0
        for key in self.keys:
            if not key.always:
                if key.width > left:
                    continue
                left -= key.width
            yield at, key
            at += key.width

    def render(self) -> RenderResult:
        parts: list[tuple[str, str]] = []
        for at, key in self._fitting():
            pointed = self.pointed is not None and at <= self.pointed < at + key.width - 1
            parts.append((key.name, f"bold $footer-key-foreground{' reverse' if pointed else ''}"))
            parts.append((f" {key.text} ", "underline" if pointed else ""))
        return Content.assemble(*parts)

    @on(events.MouseDown)
    def _pressed(self, event: events.MouseDown) -> None:
        for at, key in self._fitting():
            if at <= event.x < at + key.width - 1:
                self.app.simulate_key(key.key)

    @on(events.MouseMove)
    def _moved(self, event: events.MouseMove) -> None:
        self.pointed = event.x

    @on(events.Leave)
    def _left(self) -> None:
        self.pointed = None
