"""The two lines above a run: what it is about, and how it stands."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from store.state import Run
from tui import format as fmt
from tui.models import summary
from tui.models.columns import pad
from tui.text import clean
from tui.theme import Glyphs, run_mark

BAR = 16

PLACES = {
    "live": "bold reverse $success",
    "following": "bold reverse $accent",
    "past": "bold reverse $warning",
    "deleted": "bold reverse $error",
}
"""How it is said where the run stands; a stored one quietly."""


class RunHeader(Widget):
    """Shows a `Run`, as of `now`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-header--goal"}
    DEFAULT_CSS = """
    RunHeader { height: 2; background: $surface; padding: 0 1; }
    """

    run: reactive[Run | None] = reactive(None, repaint=False)
    now: reactive[float] = reactive(0.0, repaint=False)
    place: reactive[str] = reactive("stored", repaint=False)
    """`live`, `following`, `stored`, `past` or `deleted`."""
    gaps: reactive[int] = reactive(0, repaint=False)
    """Of how many losses this run is known to suffer."""
    said: reactive[Content] = reactive(Content(""), layout=False)
    """What is drawn: a second that changes no word draws nothing."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def watch_run(self) -> None:
        self._say()

    def watch_now(self) -> None:
        self._say()

    def watch_place(self) -> None:
        self._say()

    def watch_gaps(self) -> None:
        self._say()

    def on_resize(self) -> None:
        self._say()

    def _say(self) -> None:
        self.said = self._content()

    def render(self) -> RenderResult:
        return self.said

    def _content(self) -> Content:
        run, width = self.run, self.size.width
        if run is None:
            return Content("reading" + self._glyphs("more"))
        silent = summary.silence(run, self.now) is not None
        mark, role = run_mark(run, silent)
        colour = {"active": "$accent", "done": "$success", "failed": "$error", "doing": "$warning"}.get(
            role, "$foreground 62%"
        )
        ended = summary.run_ended(run, self.now)
        goal = clean(run.goal or run.run_id)
        first = Content.assemble(
            (f"{self._glyphs(mark)} {ended}", f"bold {colour}"),
            "  ",
            (pad(goal, max(width - len(ended) - 4, 1), more=self._glyphs("more")), "bold"),
        )
        return Content("\n").join([first, self._facts(run, colour, width)])

    def _facts(self, run: Run, colour: str, width: int) -> Content:
        full = BAR * run.finished // run.nodes if run.nodes else 0
        dot = (f" {self._glyphs('dot')} ", "$foreground 38%")
        line = Content.assemble(
            (f" {self.place.upper()} ", PLACES.get(self.place, "reverse $foreground 38%")),
            " ",
            (self._glyphs("bar") * full, colour),
            (self._glyphs("rest") * (BAR - full), "$foreground 38%"),
            f" {fmt.count(run.finished)}/{fmt.count(run.nodes)} nodes",
        )
        for piece in self._pieces(run, width):
            longer = line + Content.assemble(dot, piece)
            if longer.cell_length <= width:
                line = longer
        return line.truncate(width, ellipsis=True)

    def _pieces(self, run: Run, width: int) -> Iterator[str | tuple[str, str]]:
        """What there is to say, what matters most first; what does not fit whole is left out."""
        yield fmt.duration(summary.elapsed(run, self.now))
        if self.gaps:
            yield f"{fmt.counted(self.gaps, 'gap')}: incomplete", "bold $error"
        if run.error:
            yield clean(run.error, max(width - 52, 20)), "$error"
        if run.errors or run.aborted:
            yield fmt.counted(run.errors + run.aborted, "error"), "bold $error"
        yield f"{fmt.count(run.llm_calls)} llm"
        yield f"{fmt.count(run.tool_calls)} tool"
        yield f"{summary.tokens(run.tokens_in, run.tokens_out)} tok"
        yield fmt.counted(run.events, "event")
        yield f"step {fmt.count(run.steps)}"
        yield clean(run.run_id, 60), "$foreground 38%"
