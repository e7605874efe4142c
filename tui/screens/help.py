"""The keys, as they are bound at this moment: for the focused pane first, then for the screen, then everywhere.

A key that means something else at the moment, or nothing, is not among them; those of time travel have a part of their own.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

from tui.models.columns import Cell
from tui.models.lines import Line, heading, line
from tui.widgets.text_pane import TextPane

SHOWN_AS = {
    "question_mark": "?",
    "minus": "-",
    "equals_sign": "=",
    "backslash": "\\",
    "slash": "/",
    "colon": ":",
    "exclamation_mark": "!",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+tab": "Shift+Tab",
}
"""By Textual's name of a key: what stands on it."""


def key_names(keys: str) -> str:
    """`j,down` as people read it."""
    return " ".join(_key_name(key) for key in keys.split(","))


def _key_name(key: str) -> str:
    if key in SHOWN_AS:
        return SHOWN_AS[key]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[5:].upper()}"
    return key if len(key) == 1 else key.capitalize()


def bindings_of(node: DOMNode, active: Mapping[str, ActiveBinding] | None = None) -> Iterable[Binding]:
    """The bindings that a widget, a screen or the app has, with keys bound to the same action joined.

    With `active`, only keys that mean this at the moment: not those that do nothing, or something else.
    """
    joined: dict[str, Binding] = {}
    for key, bindings in node._bindings.key_to_bindings.items():
        for binding in bindings:
            if binding.system or not binding.tooltip:
                continue
            meant = None if active is None else active.get(key)
            if active is not None and (meant is None or meant.node is not node or meant.binding.id != binding.id):
                continue
            known = joined.get(binding.id or binding.action)
            keys = key if known is None else f"{known.key},{key}"
            joined[binding.id or binding.action] = Binding(
                keys, binding.action, binding.description, tooltip=binding.tooltip, id=binding.id
            )
    return joined.values()


def help_lines(screen: Screen[object]) -> list[Line]:
    """All keys that do something on this screen, the focused pane's first; in time travel its own before them."""
    active, focused = screen.active_bindings, screen.focused
    parts: list[tuple[str, Iterable[Binding]]] = []
    if focused is not None:
        title = focused._border_title.plain if focused._border_title else focused.id or ""
        parts.append((f"In this pane: {title}".strip(": "), bindings_of(focused, active)))
    parts.append(("On this screen", [binding for binding in bindings_of(screen, active) if not _travels(binding)]))
    travel = [binding for binding in bindings_of(screen) if _travels(binding)]
    if any(_travels(meant.binding) and meant.binding.action == "live" for meant in active.values()):
        parts.insert(0, ("In time travel", travel))
    else:
        parts.append(("In time travel, which t and T begin", travel))
    parts.append(("Everywhere", bindings_of(screen.app, active)))
    lines: list[Line] = []
    for title, bindings in parts:
        rows = [Line((Cell(f"  {key_names(one.key):<16} ", "label"), Cell(one.tooltip, "text")), 19) for one in bindings]
        if rows:
            lines += [*heading(title), *rows]
    return [*lines[1:], Line(), line("  Esc or ? closes this help.", "muted")]


def _travels(binding: Binding) -> bool:
    """Is it a key of time travel?"""
    return (binding.id or "").startswith("travel.")


class Help(ModalScreen[None]):
    """Shows the keys of the screen below."""

    CSS = """
    Help { align: center middle; }
    Help > Vertical {
        width: 72; max-width: 96%; height: 90%; padding: 0 1;
        background: $background; border: round $border; border-title-color: $accent;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "Close", id="help.close", tooltip="Close this help"),
    ]

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self._lines = help_lines(screen)

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Keys"
            yield TextPane(id="keys")

    def on_mount(self) -> None:
        pane = self.query_one(TextPane)
        pane.focus()
        self.call_after_refresh(pane.show, "keys", self._lines)
