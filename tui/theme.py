"""How things look: the two themes, the colour of each role, the glyph of each status and event. The one place for them.

A widget draws text in a *role* ("muted", "failed", "search"); a role is a component class whose colour comes from the
theme. Nothing is told by colour alone: statuses have glyphs, and every glyph has an ASCII stand-in.
"""

from math import ceil

from textual.theme import Theme

from store.state import Node, Run, RunStatus, Status

DARK = Theme(
    name="treetop-dark",
    primary="#7aa2f7",
    secondary="#5b6b8c",
    accent="#ff9e64",
    success="#8fc97f",
    warning="#e0af68",
    error="#f7768e",
    foreground="#c8d0e4",
    background="#13151d",
    surface="#1a1d28",
    panel="#262b3b",
    dark=True,
    variables={
        "kind-think": "#bb9af7",
        "kind-search": "#5fc9d8",
        "kind-write": "#7aa2f7",
        "row-cursor": "#2b3350",
        "row-cursor-blurred": "#20242f",
        "footer-background": "#1a1d28",
        "footer-key-foreground": "#ff9e64",
        "border": "#7aa2f7",
        "border-blurred": "#39415a",
        "scrollbar": "#39415a",
        "scrollbar-background": "#171a23",
        "scrollbar-corner-color": "#171a23",
    },
)

LIGHT = Theme(
    name="treetop-light",
    primary="#2456b8",
    secondary="#5c6b85",
    accent="#b1480c",
    success="#2c7a2c",
    warning="#8f5e00",
    error="#c01c40",
    foreground="#23283a",
    background="#f7f6f2",
    surface="#efede6",
    panel="#dedcd2",
    dark=False,
    variables={
        "kind-think": "#7a3fb0",
        "kind-search": "#0d6b7c",
        "kind-write": "#2456b8",
        "row-cursor": "#d3dcf2",
        "row-cursor-blurred": "#e7e5dd",
        "footer-background": "#efede6",
        "footer-key-foreground": "#b1480c",
        "border": "#2456b8",
        "border-blurred": "#c6c3b6",
        "scrollbar": "#c6c3b6",
        "scrollbar-background": "#efede6",
        "scrollbar-corner-color": "#efede6",
    },
)

DEFAULT_VARIABLES = {name: value for name, value in DARK.variables.items() if name.startswith(("kind-", "row-"))}
"""For themes that are not ours."""

ROLES = {
    "text": "color: $foreground;",
    "strong": "color: $foreground; text-style: bold;",
    "muted": "color: $foreground 62%;",
    "faint": "color: $foreground 38%;",
    "heading": "color: $accent; text-style: bold;",
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
    "guide": "color: $foreground 28%;",
}
"""What can be said by the way a text is drawn."""

ROLE_CSS = "\n".join(f"& > .role--{role} {{ {css} }}" for role, css in ROLES.items())
ROLE_CLASSES = {f"role--{role}" for role in ROLES}

GLYPHS = {
    Status.NOT_READY: ("○", "."),
    Status.NEED_UPDATE: ("◎", ","),
    Status.READY: ("◇", "o"),
    Status.PLAN_DONE: ("◐", "-"),
    Status.DOING: ("◑", "+"),
    Status.FINAL_TO_FINISH: ("◕", "*"),
    Status.NEED_POST_REFLECT: ("◕", "*"),
    Status.FINISH: ("✓", "v"),
    Status.FAILED: ("×", "X"),
    "placeholder": ("▫", "?"),
    "aborted": ("×", "X"),
    "active": ("▶", ">"),
    "running": ("●", "*"),
    "silent": ("◎", "~"),
    "ended": ("◑", "-"),
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
    "guide-on": ("│ ", "| "),
    "guide-off": ("  ", "  "),
    "guide-tee": ("├─", "|-"),
    "guide-end": ("└─", "`-"),
    "kept": ("■", "k"),
    "loop": ("∞", "@"),
    "down": ("▼", "v"),
    "up": ("▲", "^"),
    "paused": ("‖", "="),
    "here": ("┃", "|"),
    "pointed": ("│", "^"),
    "idle": ("┊", "/"),
}
"""By meaning: the glyph, one that common coding fonts have, and what stands in for it where a terminal has only ASCII."""

LEVELS = ("▁▂▃▄▅▆▇█", ".:-=+*#@")
"""How much happened, from nothing to most, and what stands in for it in ASCII."""

HAPPENED = {"error": "failed", "tool": "search", "llm": "write", "plan": "think", "other": "muted"}
"""The role of a part of a run, by what happened in it."""

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
"""By event type: glyph, ASCII stand-in, short name, role."""

TASKS = {
    "COMPOSITION": ("write", "write"),
    "REASONING": ("think", "think"),
    "RETRIEVAL": ("search", "search"),
    "GENERAL": ("task", "text"),
}
"""By task type: the name that planners use, and the role."""

_STATUS_ROLES: dict[str, str] = {
    Status.NOT_READY: "waiting",
    Status.NEED_UPDATE: "ready",
    Status.READY: "ready",
    Status.FINISH: "done",
    Status.FAILED: "failed",
}


class Glyphs:
    """The glyphs for one terminal."""

    def __init__(self, ascii_only: bool = False) -> None:
        self.ascii_only = ascii_only

    def __call__(self, meaning: str) -> str:
        """The glyph for a meaning of `GLYPHS`; a status that this version does not know looks like work in progress."""
        return GLYPHS.get(meaning, GLYPHS[Status.DOING])[self.ascii_only]

    def level(self, share: float) -> str:
        """How much this is of the most there is, 0.0 to 1.0; only nothing looks like nothing."""
        levels = LEVELS[self.ascii_only]
        return levels[ceil(max(0.0, min(share, 1.0)) * (len(levels) - 1))]

    def event(self, event_type: str) -> str:
        """The glyph of an event type."""
        return EVENTS[event_type][self.ascii_only] if event_type in EVENTS else "?"


def status_role(status: str | None) -> str:
    """The role in which a node's status is drawn."""
    return "faint" if status is None else _STATUS_ROLES.get(status, "doing")


def node_mark(node: Node) -> tuple[str, str]:
    """Meaning of the glyph in front of a node, and its role. A step that was aborted shows before the status it left."""
    if node.working:
        return "active", "active"
    if node.step is not None and node.step.aborted and node.status != Status.FINISH:
        return "aborted", "failed"
    if node.status is None:
        return "placeholder", "faint"
    return node.status, status_role(node.status)


def run_mark(run: Run, silent: bool) -> tuple[str, str]:
    """Meaning of the glyph in front of a run, and its role."""
    if run.status == RunStatus.RUNNING:
        return ("silent", "muted") if silent else ("running", "active")
    if run.status == RunStatus.COMPLETED:
        return ("completed", "done") if run.finished == run.nodes else ("ended", "doing")
    return "error", "failed"


def event_name(event_type: str) -> tuple[str, str]:
    """Short name and role of an event type."""
    return EVENTS[event_type][2:] if event_type in EVENTS else (event_type, "text")


def task_name(task_type: str | None) -> tuple[str, str]:
    """Short name and role of a task type."""
    if task_type is None:
        return "", "faint"
    return TASKS.get(task_type, (task_type.lower(), "text"))
