"""Roles of texts, and glyphs of statuses and events. The colours are in `palette`.

A widget draws a text in a *role* ("muted", "failed", "search"), which is a component class with a colour of the theme.
Colour is never the only difference: statuses have glyphs, and every glyph has an ASCII substitute. This module does not
import Textual, because the commands that print use it too.
"""

from math import ceil

from store.model.phase import Phase
from store.model.span import Outcome
from store.model.state import Node, Status

ROLES = {
    "text": "color: $foreground;",
    "strong": "color: $foreground; text-style: bold;",
    "muted": "color: $foreground 62%;",
    "faint": "color: $foreground 38%;",
    "heading": "color: $primary; text-style: bold;",
    "label": "color: $primary;",
    "waiting": "color: $foreground 50%;",
    "ready": "color: $primary;",
    "doing": "color: $warning;",
    "done": "color: $success;",
    "failed": "color: $error; text-style: bold;",
    "active": "color: $accent; text-style: bold;",
    "lit": "color: $accent; text-style: bold reverse;",
    "think": "color: $kind-think;",
    "search": "color: $kind-search;",
    "write": "color: $kind-write;",
    "guide": "color: $foreground 46%;",
    "own": "color: $primary 60%;",
    "inside": "color: $foreground 46%;",
    "critical": "color: $critical;",
}
"""CSS of each role."""

DIM_ROLES = frozenset(("muted", "faint", "waiting"))
"""Roles of texts with a contrast below 4.5 on some background of a row."""

ROLE_CSS = "\n".join(f"& > .role--{role} {{ {css} }}" for role, css in ROLES.items())
ROLE_CLASSES = {f"role--{role}" for role in ROLES}

GLYPHS = {
    Status.NOT_READY: ("○", "."),
    Status.NEED_UPDATE: ("◎", ","),
    Status.READY: ("◇", "o"),
    Status.PLAN_DONE: ("◐", "="),
    Status.DOING: ("◑", "%"),
    Status.FINAL_TO_FINISH: ("◕", "*"),
    Status.NEED_POST_REFLECT: ("◕", "*"),
    Status.FINISH: ("✓", "v"),
    Status.FAILED: ("×", "X"),
    "placeholder": ("▫", "?"),
    "aborted": ("×", "X"),
    "active": ("▶", ">"),
    "running": ("●", "*"),
    "silent": ("◎", "~"),
    "ended": ("◑", "%"),
    "completed": ("✓", "v"),
    "error": ("×", "X"),
    "expanded": ("⌄", "-"),
    "collapsed": ("›", "+"),
    "leaf": (" ", " "),
    "bar": ("━", "="),
    "rest": ("─", "."),
    "more": ("…", "..."),
    "arrow": ("→", "->"),
    "dot": ("·", "|"),
    "none": ("·", "."),
    "guide-on": ("│ ", "| "),
    "guide-off": ("  ", "  "),
    "guide-tee": ("├─", "|-"),
    "guide-end": ("└─", "`-"),
    "kept": ("■", "k"),
    "loop": ("∞", "@"),
    "runaway": ("!", "!"),
    "down": ("▼", "v"),
    "up": ("▲", "^"),
    "paused": ("‖", "="),
    "here": ("┃", "|"),
    "pointed": ("│", "^"),
    "pointed-row": ("│", "|"),
    "idle": ("┊", "/"),
    "critical": ("◆", "#"),
    "open-end": ("▶", ">"),
}
"""By meaning: a glyph that common monospaced fonts contain, and its ASCII substitute."""

LEVELS = ("▁▂▃▄▅▆▇█", ".:-=+*#@")
"""Glyphs of the levels of a chart, ascending, and their ASCII substitutes."""

PARTS = " ▏▎▍▌▋▊▉█"
"""Glyphs of a bar that ends within a cell, by the number of its eighths in the cell."""

BARS = {"inside": ("─", "─", "-"), "own": ("█", "▒", "="), "critical": ("█", "█", "#"), "failed": ("█", "×", "X")}
"""By role of a bar: its glyph, the one without colours, and its ASCII substitute."""

ACTIVITY_ROLES = {"error": "failed", "tool": "search", "llm": "write", "plan": "think", "other": "muted"}
"""Role of a bar in the chart of a run, by the kind of its events."""

EVENTS: dict[str, tuple[str, str, str, str]] = {
    "run_started": ("▶", ">", "run begun", "strong"),
    "run_finished": ("■", "#", "run ended", "done"),
    "run_error": ("×", "X", "run error", "failed"),
    "step_started": ("┌", "[", "step", "muted"),
    "step_finished": ("└", "]", "step done", "muted"),
    "node_status_changed": ("◆", "~", "status", "doing"),
    "node_created": ("+", "+", "created", "faint"),
    "plan_received": ("≡", "=", "plan", "think"),
    "node_added": ("∙", ".", "added", "faint"),
    "edge_added": ("→", "-", "edge", "faint"),
    "inner_graph_built": ("∴", ":", "graph", "faint"),
    "node_result_available": ("✓", "*", "result", "done"),
    "llm_call_started": ("»", ">", "llm", "write"),
    "llm_call_completed": ("«", "<", "llm done", "write"),
    "tool_invoked": ("»", ">", "tool", "search"),
    "tool_returned": ("«", "<", "tool done", "search"),
}
"""By event type: glyph, ASCII substitute, short name, role."""

BOOKKEEPING = frozenset(("node_created", "node_added", "edge_added", "inner_graph_built"))
"""Event types that repeat a plan task by task, and that the timeline can hide. None of them reports errors."""

TASKS = {
    "COMPOSITION": ("write", "write"),
    "REASONING": ("think", "think"),
    "RETRIEVAL": ("search", "search"),
    "GENERAL": ("task", "text"),
}
"""By task type: the name in published plans, and the role."""

_STATUS_ROLES: dict[str, str] = {
    Status.NOT_READY: "waiting",
    Status.NEED_UPDATE: "ready",
    Status.READY: "ready",
    Status.FINISH: "done",
    Status.FAILED: "failed",
}

_RUN_MARKS: dict[Phase, tuple[str, str]] = {
    Phase.LIVE: ("running", "active"),
    Phase.SILENT: ("silent", "muted"),
    Phase.INTERRUPTED: ("silent", "muted"),
    Phase.ENDED: ("ended", "doing"),
    Phase.FAILED: ("error", "failed"),
    Phase.FINISHED: ("completed", "done"),
}


class Glyphs:
    """The glyphs for one terminal."""

    def __init__(self, ascii_only: bool = False, colours: bool = True) -> None:
        self.ascii_only = ascii_only
        self.colours = colours

    def __call__(self, meaning: str) -> str:
        """The glyph for a meaning of `GLYPHS`. An unknown status has the glyph of work in progress."""
        return GLYPHS.get(meaning, GLYPHS[Status.DOING])[self.ascii_only]

    def level(self, share: float) -> str:
        """The glyph for a share of the maximum, from 0.0 to 1.0. Only 0.0 has the lowest level."""
        levels = LEVELS[self.ascii_only]
        return levels[ceil(max(0.0, min(share, 1.0)) * (len(levels) - 1))]

    def bar(self, role: str) -> str:
        """The glyph of a full cell of a bar."""
        return BARS[role][2 if self.ascii_only else 0 if self.colours else 1]

    def part(self, role: str, eighths: int, at_right: bool) -> tuple[str, bool]:
        """The glyph for a bar in 1 to 8 eighths of a cell, and whether text and background are swapped.

        The bar is at the left of the cell, or at its right. Without colours, and in ASCII, it fills the cell.
        """
        if self.ascii_only or not self.colours or role == "inside":
            return self.bar(role), False
        return (PARTS[len(PARTS) - 1 - eighths], True) if at_right else (PARTS[eighths], False)

    def event(self, event_type: str) -> str:
        """The glyph of an event type; `?` if it is unknown."""
        return EVENTS[event_type][self.ascii_only] if event_type in EVENTS else "?"


def status_role(status: str | None) -> str:
    """The role of a node's status."""
    return "faint" if status is None else _STATUS_ROLES.get(status, "doing")


def node_mark(node: Node) -> tuple[str, str]:
    """Meaning and role of the glyph of a node. An aborted step takes precedence over the status."""
    if node.working:
        return "active", "active"
    if node.step is not None and node.step.outcome == Outcome.ABORTED and node.status != Status.FINISH:
        return "aborted", "failed"
    if node.status is None:
        return "placeholder", "faint"
    return node.status, status_role(node.status)


def run_mark(status: Phase) -> tuple[str, str]:
    """Meaning and role of the glyph of a run."""
    return _RUN_MARKS[status]


def event_name(event_type: str) -> tuple[str, str]:
    """Short name and role of an event type; its own name if it is unknown."""
    return EVENTS[event_type][2:] if event_type in EVENTS else (event_type, "text")


def task_name(task_type: str | None) -> tuple[str, str]:
    """Short name and role of a task type; its own name, in lower case, if it is unknown."""
    if task_type is None:
        return "", "faint"
    return TASKS.get(task_type, (task_type.lower(), "text"))
