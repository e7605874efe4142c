"""The question before a run is deleted."""

from textual.content import Content

from store.model.phase import may_continue, phase
from store.model.record import RunRow
from tui import format as fmt
from tui.text import clean


def question(row: RunRow, now: float) -> Content:
    """The run and what is lost with it."""
    run = row.run
    text = Content.assemble(
        ("Delete this run for good?\n\n", "bold"),
        clean(run.goal or run.run_id, 200),
        (f"\n\n{clean(run.run_id, 60)}", "$foreground 62%"),
        ("" if run.started is None else f"\nbegan {fmt.clock(run.started)}", "$foreground 62%"),
        (f"\n{fmt.counted(run.events, 'event')}, {fmt.size(row.bytes)}; they may no longer be in Redis", "$foreground 62%"),
    )
    if row.pinned:
        text += Content.styled("\nIt is marked as kept.", "$error")
    if may_continue(run, now):
        text += Content.styled(
            f"\nIt is {phase(run, now)}: its further events will appear as a run that begins in the middle.", "$error"
        )
    return text
