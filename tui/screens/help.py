"""The help: the keys that have an effect on the screen below, those of the focused pane first."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from tui.models.columns import Cell
from tui.models.lines import Line, heading, line
from tui.models.snapshot import Text
from tui.widgets.inked import Inked
from tui.widgets.text_pane import TextPane

SHOWN_AS = {
    "question_mark": "?",
    "dollar_sign": "$",
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
    "shift+left": "Shift+←",
    "shift+right": "Shift+→",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
}
"""Label of a key, by Textual's name of it."""

ARROWS = frozenset(("up", "down", "left", "right"))


def key_names(keys: str, ascii_only: bool = False) -> str:
    """Labels of keys, such as `j ↓` for `j,down`."""
    return " ".join(_key_name(key, ascii_only) for key in keys.split(","))


def _key_name(key: str, ascii_only: bool) -> str:
    if ascii_only and (arrow := key.removeprefix("shift+")) in ARROWS:
        return key.replace("shift", "Shift").replace(arrow, arrow.capitalize())  # stand-ins of arrows are other keys
    if key in SHOWN_AS:
        return SHOWN_AS[key]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[5:].upper()}"
    return key if len(key) == 1 else key.capitalize()


def bindings_of(node: DOMNode, active: Mapping[str, ActiveBinding] | None = None) -> Iterable[Binding]:
    """The bindings of a widget, a screen or the app, with the keys of one action joined.

    With `active`, only those that are active: not keys without effect, or with that of another binding.
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


def help_lines(screen: Screen[object], ascii_only: bool) -> list[Line]:
    """The text of the help for a screen. During time travel its keys come first."""
    active, focused = screen.active_bindings, screen.focused
    parts: list[tuple[str, Iterable[Binding]]] = []
    if isinstance(focused, Input):
        parts.append(("In this prompt", bindings_of(focused, active)))
        parts.append(("Everywhere", bindings_of(screen.app, active)))
        return _lines(parts, ascii_only)
    if focused is not None:
        title = focused.caption if isinstance(focused, Inked) else focused.id or ""
        parts.append((f"In this pane: {title}".strip(": "), bindings_of(focused, active)))
    parts.append(("On this screen", [binding for binding in bindings_of(screen, active) if not _travels(binding)]))
    travel = [binding for binding in bindings_of(screen) if _travels(binding)]
    if any(_travels(meant.binding) and meant.binding.action == "live" for meant in active.values()):
        parts.insert(0, ("In time travel", travel))
    else:
        parts.append(("In time travel, which t and T begin", travel))
    parts.append(("Everywhere", bindings_of(screen.app, active)))
    return _lines(parts, ascii_only)


def _lines(parts: Iterable[tuple[str, Iterable[Binding]]], ascii_only: bool) -> list[Line]:
    lines: list[Line] = []
    for title, bindings in parts:
        rows = [
            Line((Cell(f"  {key_names(one.key, ascii_only):<16} ", "label"), Cell(one.tooltip, "text")), 19)
            for one in bindings
        ]
        if rows:
            lines += [*heading(title), *rows]
    return [*lines[1:], Line(), line("  Esc or ? closes this help.", "muted")]


def _travels(binding: Binding) -> bool:
    """Whether it is a key of time travel."""
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

    def __init__(self, screen: Screen[object], ascii_only: bool) -> None:
        super().__init__()
        self._lines = help_lines(screen, ascii_only)

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Keys"
            yield TextPane(id="keys")

    def on_mount(self) -> None:
        pane = self.query_one(TextPane)
        pane.focus()
        self.call_after_refresh(setattr, pane, "shown", Text("keys", self._lines))
