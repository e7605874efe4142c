"""The help: the first questions, the keys that have an effect on the screen below, and what the glyphs mean."""

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from tui.key_name import key_names
from tui.models.columns import Cell
from tui.models.legend import legend
from tui.models.lines import Line, line
from tui.models.page import in_columns
from tui.models.snapshot import Text
from tui.screens.fed import FedScreen
from tui.theme import Glyphs
from tui.widgets.inked import Inked
from tui.widgets.text_pane import TextPane

KEY_CELLS = 13
"""Width of the names of keys."""

QUESTION_CELLS = 22
"""Width of the questions."""


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


def help_sections(screen: Screen[object], glyphs: Glyphs) -> list[list[Line]]:
    """The keys of a screen and the legend, each with its title. During time travel its keys come first."""
    active, focused = screen.active_bindings, screen.focused
    parts: list[tuple[str, Iterable[Binding]]] = []
    if isinstance(focused, Input):
        parts.append(("In this prompt", bindings_of(focused, active)))
        parts.append(("Everywhere", bindings_of(screen.app, active)))
        return _sections(parts, glyphs.ascii_only)
    if focused is not None:
        title = focused.title if isinstance(focused, Inked) else focused.id or ""
        parts.append((f"In this pane: {title}".strip(": "), bindings_of(focused, active)))
    parts.append(("On this screen", [binding for binding in bindings_of(screen, active) if not _travels(binding)]))
    travel = [binding for binding in bindings_of(screen) if _travels(binding)]
    if any(_travels(meant.binding) and meant.binding.action == "live" for meant in active.values()):
        parts.insert(0, ("In time travel", travel))
    else:
        parts.append(("In time travel, which t and T begin", travel))
    parts.append(("Everywhere", bindings_of(screen.app, active)))
    return [*_sections(parts, glyphs.ascii_only), *legend(glyphs)]


def _sections(parts: Iterable[tuple[str, Iterable[Binding]]], ascii_only: bool) -> list[list[Line]]:
    return [
        [line(title, "heading"), *(_row(binding, ascii_only) for binding in bindings)]
        for title, bindings in parts
        if bindings
    ]


def _row(binding: Binding, ascii_only: bool) -> Line:
    names = key_names(binding.key, ascii_only)
    return Line((Cell(f"  {names:<{KEY_CELLS - 1}} ", "label"), Cell(binding.tooltip, "text")), KEY_CELLS + 2)


def start_lines(screen: Screen[object], ascii_only: bool) -> list[Line]:
    """The first questions of a screen, and the keys that answer them."""
    places = [*screen.walk_children(), screen, screen.app]
    names = {
        binding.id or "": key_names(binding.key.partition(",")[0], ascii_only)
        for place in places
        for binding in bindings_of(place)
    }
    questions = screen.START if isinstance(screen, FedScreen) else ()
    lines = [
        Line(
            (Cell(f"  {question:<{QUESTION_CELLS}} ", "strong"), *_answer(answer, names)),
            QUESTION_CELLS + 3,
        )
        for question, answer in questions
    ]
    return [line("Start here", "heading"), *lines, Line()] if lines else []


def _answer(text: str, names: Mapping[str, str]) -> Iterable[Cell]:
    """The answer, with the keys of the bindings that it names."""
    for number, part in enumerate(re.split(r"[{}]", text)):
        yield Cell(names[part], "label") if number % 2 else Cell(part, "text")


def _travels(binding: Binding) -> bool:
    """Whether it is a key of time travel."""
    return (binding.id or "").startswith("travel.")


class Help(ModalScreen[None]):
    """Shows the first questions, the keys of the screen below, and what the glyphs mean."""

    CSS = """
    Help { align: center middle; }
    Help > Vertical {
        width: 96%; max-width: 168; height: 92%; padding: 0 1;
        background: $background; border: round $border; border-title-color: $accent; border-title-style: bold;
        border-subtitle-color: $foreground 62%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "Close", id="help.close", tooltip="Close this help"),
    ]

    def __init__(self, screen: Screen[object], glyphs: Glyphs) -> None:
        super().__init__()
        self._start = start_lines(screen, glyphs.ascii_only)
        self._sections = help_sections(screen, glyphs)

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Help"
            frame.border_subtitle = "Esc or ? closes this help"
            yield TextPane(id="keys")

    def on_mount(self) -> None:
        self.query_one(TextPane).focus()
        self.call_after_refresh(self._lay_out)

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        pane = self.query_one(TextPane)
        pane.shown = Text("keys", [*self._start, *in_columns(self._sections, max(pane.size.width - 2, 1))])
