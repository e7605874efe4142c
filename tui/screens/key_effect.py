"""Which keys of the screen of a run have no effect at present."""

from collections.abc import Iterator

from store.model.phase import errors, may_continue
from tui.session.session import Session
from tui.widgets.run_panes import RunPanes


def without_effect(session: Session, panes: RunPanes, newest_live: str | None, now: float) -> Iterator[str]:
    """Ids of the bindings that would change nothing. Until the run is read, all have an effect."""
    if not session.opened:
        return
    run, travelling = session.moment.run, session.travel.active
    if newest_live == session.moment.run_id and session.follow and not travelling:
        yield "app.newest"
    if not travelling and not may_continue(run, now):
        yield "run.follow"
    if not errors(run):
        yield from ("run.errors", "find.error")
    if not run.events:
        yield "run.travel"
    if run.nodes < 2:
        yield from ("run.search", "tree.sort")
    if not panes.timeline.count:
        yield from ("run.raw", "run.filter") if not session.events.match else ("run.raw",)
