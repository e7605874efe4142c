"""The first line of the list of runs: the name of the program, and the numbers of runs."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui import format as fmt


class ProgramTitle(Widget):
    """Draws the numbers of runs. Set its reactives."""

    DEFAULT_CSS = """
    ProgramTitle { height: 1; background: $surface; padding: 0 1; }
    """
    runs: reactive[int | None] = reactive(None)
    """None: not read yet."""
    shown: reactive[int] = reactive(0)
    """Number of runs that the filter leaves."""
    live: reactive[int] = reactive(0)

    def render(self) -> RenderResult:
        live = ("  ", (f"{self.live} live", "bold $accent")) if self.live else ()
        runs = "" if self.runs is None else fmt.counted(self.runs, "run")
        if self.runs and self.shown != self.runs:
            runs = f"{self.shown:,} of {runs}"
        return Content.assemble(("treetop", "bold $success"), "  ", (runs, "$foreground 62%"), *live)
