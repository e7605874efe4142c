"""Runs and trees as text for people."""

from collections.abc import AsyncIterator, Sequence

from store.database.whole_run import WholeRun
from store.model.event_type import RunError
from store.model.phase import elapsed, errors, last_stepped, latest_time
from store.model.record import Failure, RunRow
from store.model.runaway import NO_BUDGET, Budget, runaways, task_runaways
from store.model.span import Outcome
from store.model.state import Node, Run, Status
from tui import format as fmt
from tui.ascii_text import to_ascii
from tui.cli.table import table
from tui.models import failure_text, summary
from tui.models.name import task_name as name_of
from tui.text import clean
from tui.theme import Glyphs, node_mark, task_name


def runs_text(rows: Sequence[RunRow], now: float, budget: Budget = NO_BUDGET) -> str:
    """A table with one line for each run. A run that runs away, or exceeds the budget, has the first reason."""
    if not rows:
        return "no runs yet"
    titles = ("RUN", "WHEN", "STATUS", "TASKS", "TIME", "EVENTS", "TOKENS", "COST", "ERR", "GOAL")
    found = [
        (
            clean(row.run.run_id),
            fmt.moment(row.run.started, now),
            summary.run_status(row.run, now),
            f"{row.run.finished}/{row.run.nodes}",
            fmt.duration(elapsed(row.run, now)),
            fmt.count(row.run.events),
            fmt.count(summary.total(row.run.tokens_in, row.run.tokens_out)),
            fmt.cost(row.run.cost, row.run.unpriced),
            str(errors(row.run)),
            "".join(f"! {found.sign}  " for found in runaways(row.run, budget)[:1]) + clean(row.run.goal or "", 100),
        )
        for row in rows
    ]
    return "\n".join(table(titles, found, right=range(3, 9)))


async def run_text(whole: WholeRun, ascii_only: bool, now: float) -> AsyncIterator[str]:
    """The lines of a run: facts about it, its tree with one line for each task, and the error of a failed run."""
    glyphs, run, stored = Glyphs(ascii_only), whole.run, whole.stored
    now = now if stored is None else latest_time(run)
    at = summary.measured_to(run, now)
    took = fmt.duration(elapsed(run, now))
    cost = fmt.full_cost(run.cost, run.unpriced)
    facts = (
        clean(run.run_id),
        *([] if stored is None else [f"at event {run.events:,} of {stored:,}, {took}"]),
        summary.run_status(run, now),
        f"{run.finished}/{fmt.exactly(run.nodes, 'task')} finished",
        *([took, fmt.exactly(run.events, "event")] if stored is None else []),
        f"{run.llm_calls} llm",
        f"{run.tool_calls} tool",
        f"{summary.tokens(run.tokens_in, run.tokens_out)} tokens",
        f"cost {to_ascii(cost) if ascii_only else cost}",
        fmt.exactly(errors(run), "error"),
    )
    yield clean(run.goal or run.run_id)
    yield f" {glyphs('dot')} ".join(facts)
    if run.skew is not None:
        yield f"clock of the agent: {summary.skew(run.skew)}; its events have their time of arrival"
    for found in runaways(run):
        yield f"{glyphs('runaway')} {found.sign}: {found.reason}"
    yield ""
    last_step: Node | None = None
    failed_name = ""
    guides, nids = Guides(glyphs), list[str | None]()
    last_errors = set[tuple[int, str]]()
    async for node, depth, last in whole.nodes():
        nids[depth:] = [node.nid]
        name = clean(name_of(node.nid, nids[depth - 1] if depth else None), 20) if node.nid != "" else ""
        last_step = last_stepped(last_step, node)
        failed_name = name if last_step is node else failed_name
        failed_at = _last_error(node)
        if failed_at is not None:
            last_errors.add((failed_at, node.node_id))
        mark, _ = node_mark(node)
        own = summary.own_time(node, at)
        parts = (
            name,
            clean(node.current_goal or f"(not announced yet) {node.node_id}", 120),
            f"[{clean(task_name(node.task_type)[0] or '?', 30)} {clean(summary.node_status(node, at), 30)}]",
            "" if own is None else fmt.duration(own),
            f"{glyphs('error')}{errors(node)}" if errors(node) else "",
            "".join(f"{glyphs('runaway')} {found.sign}" for found in task_runaways(node, depth)[:1]),
        )
        yield f"{guides.before(depth, last)}{glyphs(mark)} {' '.join(filter(None, parts))}"
    if run.error is not None:
        yield ""
        yield f"{glyphs('error')} {clean(run.error, 400)}{_failed_in(last_step, failed_name)}"
    title = "last error of each failed task:"
    async for failure in whole.failures(sorted({position for position, _ in last_errors})):
        if failure.span is None or (failure.position, failure.span.node_id) not in last_errors:
            continue
        if not (failure.aborted and isinstance(failure.stored.event.facts, RunError)):  # printed above
            for line in ("", title) if title else ():
                yield line
            title = ""
            yield f"{glyphs('error')} {_failure_text(failure, run)}"


def _last_error(node: Node) -> int | None:
    """Position of the last failed call of a task that failed or has not finished, if it was not repeated with success.

    Without such a call, the position of the abort of its step. None: neither.
    """
    if node.status == Status.FINISH or node.working:
        return None
    if node.failed_call is not None:
        return node.failed_call.ended
    step = node.step
    return None if step is None or step.outcome != Outcome.ABORTED else step.aborted


def _failure_text(failure: Failure, run: Run) -> str:
    tried = failure_text.tries(failure) or 1
    return (
        f"+{fmt.offset(failure.stored.event.time - (run.started or 0.0))}"
        f"  {failure_text.task(failure)} {clean(failure.goal or '', 60)}"
        f"  {clean(failure_text.kind(failure), 60)}: {clean(failure_text.message(failure), 400)}"
        f"{f' (tried {tried} times)' if tried > 1 else ''}{' (its task is inferred)' if failure.inferred else ''}"
    )


def _failed_in(last_step: Node | None, name: str) -> str:
    """Text about the task of this name, whose last step the end of the run aborted; empty if that step had ended."""
    if last_step is None or last_step.step is None or last_step.step.outcome != Outcome.ABORTED:
        return ""
    return f", in {clean(' '.join(filter(None, (name, last_step.current_goal or last_step.node_id))), 120)}"


class Guides:
    """The lines that connect a task with its parent, for tasks that come in tree order."""

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self._prefixes = [""]
        """By depth: the prefix of the children of the last task at the depth above."""

    def before(self, depth: int, last: bool) -> str:
        """The prefix of the next task; `last`: it is the last of its siblings."""
        glyphs, prefix = self._glyphs, self._prefixes[depth]
        del self._prefixes[depth + 1 :]
        self._prefixes.append(prefix + (glyphs("guide-off" if last else "guide-on") if depth else ""))
        return prefix + (glyphs("guide-end" if last else "guide-tee") if depth else "")
