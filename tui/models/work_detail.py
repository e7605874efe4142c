"""An open step or call as lines: what is open, since when, how long that usually takes, and why it counts as late. Pure."""

from store.model.phase import phase
from store.model.silence import OpenWork
from store.model.span import Kind
from tui import format as fmt
from tui.models.columns import Cell
from tui.models.lines import Line, fact, line, prose
from tui.models.name import path_name
from tui.models.work_row import state, what
from tui.text import clean
from tui.theme import Glyphs


def work_lines(work: OpenWork, now: float, glyphs: Glyphs) -> list[Line]:
    """One step or call at the time `now`."""
    run, state_of = work.run.run, state(work, now)
    role = "failed" if state_of == "late" else "active" if not state_of else "muted"
    lines = [
        Line((Cell(f"{what(work)}  ", role), Cell(_verdict(work, now, state_of), role))),
        *(line(f"{glyphs('runaway')} {found.reason}", "failed") for found in work.runaways),
        Line(),
        fact("open", f"{fmt.duration(work.open_for(now))}, since {fmt.clock(work.span.since)}"),
    ]
    if not work.waiting:
        lines.append(fact("silent", f"{fmt.duration(work.silent_for(now))}, {_sign(work)} {fmt.clock(work.alive)}"))
    lines.append(fact("usual", _usual(work), "text" if work.usual else "muted"))
    name = "no known task" if work.span.node_id is None else path_name(work.path)
    lines += [Line(), fact("task", clean(name, 120), "label"), *prose(work.goal or "no goal published", "strong", 11, 600)]
    lines += [fact("run", f"{phase(run, now)}, {clean(run.run_id, 120)}", "muted")]
    return [*lines, *prose(run.goal or "no goal published yet", indent=11, limit=300)]


def _verdict(work: OpenWork, now: float, state_of: str) -> str:
    silent, budget = fmt.duration(work.silent_for(now)), fmt.duration(work.budget)
    match state_of:
        case "late":
            return f"late: silent for {silent}, expected within {budget}"
        case "waits":
            return "waits for a task inside, or for a call"
        case "interrupted":
            return f"interrupted: silent for {silent}, no further events are expected"
    return f"silent for {silent}, late after {budget}"


def _sign(work: OpenWork) -> str:
    """What the last sign of life was."""
    if work.alive == work.span.since:
        return "since it began at"
    return "the last event of its task or inside it at"


def _usual(work: OpenWork) -> str:
    if work.usual is not None:
        return f"half of the calls take {fmt.duration(work.usual.p50)}, 99% at most {fmt.duration(work.usual.p99)}"
    if work.span.kind == Kind.STEP:
        return "steps have no usual duration"
    return "too few ended calls of this model or tool"
