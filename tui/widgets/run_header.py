"""The header of a run: its goal, its progress and cost, and the error of a failed run."""

from collections.abc import Iterator
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive

from store.model.phase import elapsed, errors, phase, unfinished
from store.model.runaway import runaways
from store.model.state import Run, RunStatus
from tui import format as fmt
from tui.models import summary
from tui.models.columns import pad
from tui.models.lines import prose, wrap
from tui.models.snapshot import Header
from tui.text import clean
from tui.theme import Glyphs, run_mark
from tui.widgets.linked import LinkedLine, linked

BAR_CELLS = 16
"""Width of the progress bar."""

ERROR_LINES_MAX = 2
"""Lines for the error of a failed run. A longer error is cut; the list of errors has all of it."""

PLACES = {
    "live": "bold reverse $success",
    "following": "bold reverse $accent",
    "past": "bold reverse $warning",
    "deleted": "bold reverse $error",
}
"""Style of each place but `stored`, which is drawn in a quiet one."""


class RunHeader(LinkedLine):
    """Draws a `Header`: set `shown`. Errors and gaps are links to the screens that list them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-header--goal"}
    DEFAULT_CSS = """
    RunHeader { height: 2; background: $surface; padding: 0 1; }
    """

    shown: reactive[Header | None] = reactive(None, repaint=False)
    _drawn: reactive[Content] = reactive(Content(""), layout=False)
    """Text on the screen. A new header with the same text draws nothing."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def watch_shown(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._drawn = self._content()
        self.styles.height = max(len(self._drawn.split("\n")), 2)

    def line(self) -> Content:
        return self._drawn

    def _content(self) -> Content:
        shown, width = self.shown, self.size.width
        if shown is None:
            return Content("reading" + self._glyphs("more"))
        run = shown.run
        mark, role = run_mark(phase(run, shown.now))
        colour = {"active": "$accent", "done": "$success", "failed": "$error", "doing": "$warning"}.get(
            role, "$foreground 62%"
        )
        status = summary.run_status(run, shown.now)
        goal = clean(run.goal or run.run_id)
        first = Content.assemble(
            (f"{self._glyphs(mark)} {status}", f"bold {colour}"),
            "  ",
            (pad(goal, max(width - len(status) - 4, 1), more=self._glyphs("more")), "bold"),
        )
        return Content("\n").join([first, self._facts(shown, colour, width), *self._error(run, width)])

    def _error(self, run: Run, width: int) -> list[Content]:
        """The error that ended the run, wrapped. A link to its event."""
        if run.error is None or width < ERROR_LINES_MAX:
            return []
        more = self._glyphs("more")
        wrapped = ["".join(cell.text for cell in cells) for cells in wrap(prose(clean(run.error)), width - 2)]
        if len(wrapped) > ERROR_LINES_MAX:
            wrapped[ERROR_LINES_MAX - 1 :] = [pad(f"{wrapped[ERROR_LINES_MAX - 1]}{' ' * width}", width - 2, more=more)]
        leads = [f"{self._glyphs('error')} ", *["  "] * (ERROR_LINES_MAX - 1)]
        return [linked(lead + text, "screen.failure", "$error") for lead, text in zip(leads, wrapped, strict=False)]

    def _facts(self, shown: Header, colour: str, width: int) -> Content:
        run = shown.run
        dot = (f" {self._glyphs('dot')} ", "$foreground 38%")
        others = len(run.working) - 1
        place = f"{shown.place} 1 of {others + 1}" if shown.place == "following" and others > 0 else shown.place
        line = Content.assemble(
            (f" {place.upper()} ", PLACES.get(shown.place, "reverse $foreground 38%")),
            " ",
            self._progress(run, colour),
        )
        for piece in self._pieces(shown, width):
            longer = line + Content.assemble(dot, piece)
            if longer.cell_length <= width:
                line = longer
        return line.truncate(width, ellipsis=True)

    def _progress(self, run: Run, colour: str) -> Content:
        """Finished and open tasks. Only a run that ended has a bar: while plans grow, a bar would go back."""
        if run.status == RunStatus.RUNNING:
            return Content(f"{fmt.count(run.finished)} done {self._glyphs('dot')} {fmt.count(unfinished(run))} open")
        full = BAR_CELLS * run.finished // run.nodes if run.nodes else 0
        return Content.assemble(
            (self._glyphs("bar") * full, colour),
            (self._glyphs("rest") * (BAR_CELLS - full), "$foreground 38%"),
            f" {fmt.count(run.finished)}/{fmt.count(run.nodes)} tasks",
        )

    def _pieces(self, shown: Header, width: int) -> Iterator[str | tuple[str, str] | Content]:
        """Facts, the most important first. A fact that does not fit is omitted."""
        run = shown.run
        yield fmt.duration(elapsed(run, shown.now))
        if len(run.working) > 1 and shown.place != "following":  # else the place says so
            yield linked(f"{len(run.working)} at work", "screen.next_active", "bold $accent")
        if shown.gaps:
            yield linked(f"{fmt.counted(shown.gaps, 'gap')}: incomplete", "app.problems", "bold $error")
        for found in runaways(run)[:1]:
            yield linked(f"{self._glyphs('runaway')} {found.sign}", "screen.next_runaway", "bold $error")
        if errors(run):
            yield linked(fmt.counted(errors(run), "error"), "screen.errors", "bold $error")
        if run.cost is not None:
            yield fmt.cost(run.cost, run.unpriced)
        yield f"{fmt.count(run.llm_calls)} llm"
        yield f"{fmt.count(run.tool_calls)} tool"
        yield f"{summary.tokens(run.tokens_in, run.tokens_out)} tok"
        yield fmt.counted(run.events, "event")
        yield fmt.counted(run.steps, "step")
        yield clean(run.run_id, 60), "$foreground 38%"
