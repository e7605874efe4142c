"""The notification that a run ended."""

from store.model.phase import elapsed
from store.model.state import Run, RunStatus
from tui import format as fmt
from tui.models import summary
from tui.screens.fed import FedScreen
from tui.text import clean


def announce_end(screen: FedScreen, run: Run) -> None:
    """Show how a run ended, and how long it took."""
    now = screen.clock()
    screen.notify(
        f"{clean(run.goal or run.run_id, 80)} ({fmt.duration(elapsed(run, now))})",
        title=f"The run {summary.run_status(run, now)}",
        severity="error" if run.status == RunStatus.ERROR else "information",
        markup=False,
    )
