"""All that the list knows of one run, as lines to read. Pure."""

from store.record import RunRow
from store.state import Run
from tui import format as fmt
from tui.models import summary
from tui.models.columns import Cell
from tui.models.lines import Line, fact, line, prose
from tui.text import clean
from tui.theme import Glyphs, run_mark


def run_lines(row: RunRow, now: float, glyphs: Glyphs) -> list[Line]:
    """What a run is about, how it stands, and what is wrong with it."""
    run = row.run
    mark, role = run_mark(run, summary.silence(run, now) is not None)
    nodes, steps = fmt.exactly(run.nodes, "node"), fmt.exactly(run.steps, "step")
    edges = fmt.exactly(run.edges, "dependency", "dependencies")
    lines = [
        Line((Cell(f"{glyphs(mark)} {summary.run_ended(run, now)}  ", role), *_times(run, now))),
        *prose(run.goal or "no goal heard yet", "strong" if run.goal else "muted", limit=600),
        Line(),
        fact("work", f"{run.finished:,} of {nodes} finished, {steps}, {edges}"),
        fact("calls", f"{run.llm_calls} llm, {run.tool_calls} tool"),
        fact(
            "tokens",
            f"{fmt.count(run.tokens_in)} in, {fmt.count(run.tokens_out)} out",
            "text" if run.tokens_in else "faint",
        ),
    ]
    if run.errors or run.aborted:
        lines.append(fact("errors", f"{run.errors:,} reported, {fmt.exactly(run.aborted, 'step')} aborted", "failed"))
    if run.error:
        lines.append(fact("ended by", clean(run.error, 400), "failed"))
    if row.marked:
        lines.append(fact("kept", "it is marked, and never pruned", "label"))
    if row.gaps:
        lines.append(fact("gaps", f"{row.gaps:,}: events of this run were lost before they were stored", "failed"))
    lines += [line(text, "doing") for text in disagreements(run)]
    lines.append(fact("run id", clean(run.run_id, 120), "muted"))
    return lines


def _times(run: Run, now: float) -> list[Cell]:
    began = "" if run.started is None else f"began {fmt.clock(run.started)}, "
    return [Cell(f"{began}{fmt.duration(summary.elapsed(run, now))}", "muted")]


def disagreements(run: Run) -> list[str]:
    """Where the totals that the agent reported at its end are not what its events add up to."""
    totals = run.totals
    if totals is None:
        return []
    counted = (
        ("nodes", totals.nodes, run.nodes),
        ("steps", totals.steps, run.steps),
        ("llm calls", totals.llm_calls, run.llm_calls),
        ("tool calls", totals.tool_calls, run.tool_calls),
    )
    return [
        f"the agent reported {reported} {name}, its events add up to {found}"
        for name, reported, found in counted
        if reported is not None and reported != found
    ]
