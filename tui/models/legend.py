"""What the glyphs of the screens mean, as sections of the help. Pure."""

from collections.abc import Iterable, Sequence

from store.model.phase import Phase
from store.model.state import Status
from tui.models.columns import Cell
from tui.models.lines import Line, line
from tui.theme import LEVELS, Glyphs, event_name, run_mark, status_role

GLYPH_CELLS, NAME_CELLS = 6, 18
"""Widths of the glyph with its indent, and of the name after it."""

STATUSES = {
    Status.NOT_READY: "waits for its parent or prerequisites",
    Status.NEED_UPDATE: "its goal is being updated",
    Status.READY: "can be worked on",
    Status.PLAN_DONE: "has a plan",
    Status.DOING: "the tasks inside it are worked on",
    Status.FINAL_TO_FINISH: "its result is being aggregated",
    Status.NEED_POST_REFLECT: "its result is being reviewed",
    Status.FINISH: "finished",
    Status.FAILED: "failed, or its step was aborted",
}
"""Meaning of each status of a task."""

PHASES = {
    Phase.LIVE: "publishes events, or waits for a call",
    Phase.SILENT: "no event for more than a minute",
    Phase.INTERRUPTED: "no event for 15 minutes, and no end",
    Phase.ENDED: "ended with unfinished tasks",
    Phase.FAILED: "ended with an error",
    Phase.FINISHED: "all tasks are finished",
}
"""Meaning of each status of a run."""

CALLS = (
    (("step_started", "step_finished"), "a step of a task begins, and ends"),
    (("llm_call_started", "llm_call_completed"), "a model is called, and answers"),
    (("tool_invoked", "tool_returned"), "a tool is called, and returns"),
)
"""Event types that belong together, and what they mean."""

SINGLE = {
    "run_started": "the run begins",
    "run_finished": "the run ends",
    "run_error": "the run fails",
    "node_status_changed": "a task has another status",
    "plan_received": "the plan of a task",
    "node_result_available": "the result of a step",
    "node_created": "a task of a plan is created",
    "node_added": "it joins the plan",
    "edge_added": "it depends on another task",
    "inner_graph_built": "the plan is complete",
}
"""Meaning of each other event type."""


def legend(glyphs: Glyphs) -> list[list[Line]]:
    """The sections of the legend, each with its title."""
    return [
        _section("Status of a task", _statuses(glyphs)),
        _section("Status of a run", _phases(glyphs)),
        _section("In the tree", _tree(glyphs)),
        _section("Marks in the timeline", _events(glyphs)),
        _section("Playbar", _playbar(glyphs)),
    ]


def _section(title: str, rows: Iterable[Line]) -> list[Line]:
    return [line(title, "heading"), *rows]


def _row(glyph: str, role: str, name: str, words: str) -> Line:
    return Line(
        (
            Cell(f"  {glyph:<{GLYPH_CELLS - 2}}", role),
            *((Cell(f"{name:<{NAME_CELLS - 1}} ", "text"),) if name else ()),
            Cell(words, "muted" if name else "text"),
        ),
        GLYPH_CELLS + (NAME_CELLS if name else 0),
    )


def _statuses(glyphs: Glyphs) -> Iterable[Line]:
    yield _row(glyphs("active"), "active", "at work", "is being worked on now")
    for status, words in STATUSES.items():
        yield _row(glyphs(status), status_role(status), status, words)
    yield _row(glyphs("placeholder"), "faint", "unknown", "was mentioned, but not created yet")


def _phases(glyphs: Glyphs) -> Iterable[Line]:
    for phase, words in PHASES.items():
        mark, role = run_mark(phase)
        yield _row(glyphs(mark), role, phase, words)
    yield _row(glyphs("kept"), "label", "kept", "is never pruned")


def _tree(glyphs: Glyphs) -> Iterable[Line]:
    rows: Sequence[tuple[str, str, str]] = (
        (f"{glyphs('expanded')} {glyphs('collapsed')}", "muted", "expanded; collapsed"),
        ("+3", "muted", "number of tasks that the row hides"),
        (f"{glyphs('error')}3", "failed", "errors of the task, or of all that it hides"),
        (f"{glyphs('active')}3", "active", "tasks at work that the row hides"),
        (glyphs("runaway"), "failed", "runs away: failures, goals, depth or fan-out"),
        (glyphs("critical"), "critical", "on the critical path, beside the waterfall"),
        (glyphs("loop"), "failed", "its parent is inside it"),
        ("≥", "text", "at least: some calls have no known cost"),
        ("n/a", "faint", "not published"),
        (glyphs("none"), "faint", "no calls, or no errors"),
        (f"{glyphs('down')} {glyphs('up')}", "text", "column that orders the rows"),
    )
    return [_row(glyph, role, "", words) for glyph, role, words in rows]


def _events(glyphs: Glyphs) -> Iterable[Line]:
    for kinds, words in CALLS:
        marks = " ".join(glyphs.event(kind) for kind in kinds)
        name, role = event_name(kinds[0])
        yield _row(marks, role, name, words)
    for kind, words in SINGLE.items():
        name, role = event_name(kind)
        yield _row(glyphs.event(kind), role, name, words)
    yield _row("?", "text", "its own name", "an event of another type")


def _playbar(glyphs: Glyphs) -> Iterable[Line]:
    levels = LEVELS[glyphs.ascii_only]
    rows = (
        (glyphs("here"), "active", "the position"),
        (glyphs("pointed"), "strong", "the place under the mouse"),
        (f"{levels[1]}{levels[4]}{levels[7]}", "write", "few events, many; the colour is that of the timeline"),
        (glyphs("error"), "failed", "an error"),
        (glyphs("idle"), "muted", "a long pause, which is skipped"),
        (f"{glyphs('active')} {glyphs('paused')}", "text", "plays; is paused"),
    )
    return [_row(glyph, role, "", words) for glyph, role, words in rows]
