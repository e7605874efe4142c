"""One run as lines: goal, status, counts, errors and losses. Pure."""

from store.model.phase import elapsed, errors, phase
from store.model.record import Failure, RunRow
from store.model.runaway import NO_BUDGET, Budget, runaways
from store.model.state import Node, Run
from tui import format as fmt
from tui.models import failure_text, summary
from tui.models.columns import Cell
from tui.models.lines import Line, fact, line, prose
from tui.text import clean
from tui.theme import Glyphs, run_mark

NOW_LINES_MAX = 8
"""Lines for the open calls and steps of a run."""


def run_lines(
    row: RunRow, now: float, glyphs: Glyphs, last_error: Failure | None = None, budget: Budget = NO_BUDGET
) -> list[Line]:
    """One run of the list of runs at the time `now`. `last_error`: its newest error, None if it is not read."""
    run = row.run
    mark, role = run_mark(phase(run, now))
    tasks, steps = fmt.exactly(run.nodes, "task"), fmt.exactly(run.steps, "step")
    edges = fmt.exactly(run.edges, "dependency", "dependencies")
    times = f"{'' if run.started is None else f'began {fmt.clock(run.started)}, '}{fmt.duration(elapsed(run, now))}"
    lines = [
        Line((Cell(f"{glyphs(mark)} {summary.run_status(run, now)}  ", role), Cell(times, "muted"))),
        *prose(run.goal or "no goal published yet", "strong" if run.goal else "muted", limit=600),
        Line(),
        *(fact("runaway", found.reason, "failed") for found in runaways(run, budget)),
        *_now_lines(run, now),
        *_error_lines(run, last_error),
        fact("work", f"{run.finished:,} of {tasks} finished, {steps}, {edges}"),
        *count_lines(run),
    ]
    if run.skew is not None:
        skew = f"{summary.skew(run.skew)} in some events; they have their time of arrival instead"
        lines.append(fact("clock", skew, "failed"))
    if row.pinned:
        lines.append(fact("kept", "marked; never pruned", "label"))
    if row.gaps:
        lines.append(fact("gaps", f"{row.gaps:,}: events of this run were lost before they were stored", "failed"))
    lines += [line(text, "doing") for text in _disagreements(run)]
    lines.append(fact("run id", clean(run.run_id, 120), "muted"))
    return lines


def _error_lines(run: Run, last_error: Failure | None) -> list[Line]:
    """The error that ended the run, and the newest error of a task."""
    lines = [fact("ended by", clean(run.error, 400), "failed")] if run.error else []
    if last_error is not None:
        task = "" if last_error.node is None else f"{failure_text.task(last_error)}  "
        time = fmt.offset(last_error.stored.event.time - (run.started or 0.0))
        message = f"{clean(failure_text.kind(last_error), 40)}: {clean(failure_text.message(last_error), 400)}"
        lines.append(fact("last error", f"+{time}  {task}{message}", "failed"))
    return lines


def _now_lines(run: Run, now: float) -> list[Line]:
    """The open calls and steps of a run, the one with the latest event first."""
    to, count = summary.measured_to(run, now), len(run.active)
    shown = run.active if count <= NOW_LINES_MAX else run.active[1 - NOW_LINES_MAX :]
    texts = [
        " ".join(filter(None, (work.kind, clean(work.label, 40), fmt.duration(max(to - work.since, 0.0)))))
        for work in reversed(shown)
    ]
    if count > len(shown):
        texts.append(f"and {count - len(shown)} more")
    return [fact("" if at else "now", text, "active") for at, text in enumerate(texts)]


def count_lines(counted: Run | Node) -> list[Line]:
    """Calls, tokens, cost and errors of a run or a node."""
    tokens = summary.tokens(counted.tokens_in, counted.tokens_out, "{} in, {} out")
    lines = [
        fact("calls", f"{counted.llm_calls} llm, {counted.tool_calls} tool"),
        fact("tokens", tokens, "text" if counted.tokens_in else "faint"),
        fact("cost", _cost(counted), "faint" if counted.total.cost_known == 0 else "text"),
    ]
    if errors(counted):
        aborted = fmt.exactly(counted.aborted, "step")
        lines.append(fact("errors", f"{counted.errors:,} reported, {aborted} aborted", "failed"))
    return lines


def _cost(counted: Run | Node) -> str:
    """Cost of a run or a node, and of the node with everything beneath it if that has calls."""
    own = fmt.full_cost(counted.cost, counted.unpriced)
    if isinstance(counted, Run) or counted.beneath is None:
        return own
    total = counted.total
    return f"{own}, with all inside {fmt.full_cost(total.cost if total.cost_known else None, total.unpriced)}"


def _disagreements(run: Run) -> list[str]:
    """The totals reported by the agent at the end of the run that differ from the counts of its events."""
    totals = run.totals
    if totals is None:
        return []
    counted = (
        ("tasks", totals.nodes, run.nodes),
        ("steps", totals.steps, run.steps),
        ("llm calls", totals.llm_calls, run.llm_calls),
        ("tool calls", totals.tool_calls, run.tool_calls),
    )
    return [
        f"the agent reported {reported} {name}, its events add up to {found}"
        for name, reported, found in counted
        if reported is not None and reported != found
    ]
