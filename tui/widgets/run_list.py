"""The table of runs: what each is about, how far it is, what it cost, what went wrong."""

from collections.abc import Callable, Iterable

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from store.record import RunRow
from tui import format as fmt
from tui.models import summary
from tui.models.columns import Cell, Column, fit, pad
from tui.text import clean
from tui.theme import Glyphs, run_mark
from tui.widgets.rows import Rows

COLUMNS = (
    Column("mark", "", 1),
    Column("kept", "", 1),
    Column("status", "STATUS", 14, needs=150),
    Column("when", "WHEN", 6),
    Column("goal", "GOAL", 0),
    Column("bar", "", 12, needs=110),
    Column("nodes", "NODES", 9, right=True),
    Column("time", "TIME", 7, right=True),
    Column("events", "EVENTS", 7, right=True, needs=96),
    Column("llm", "LLM", 5, right=True, needs=96),
    Column("tools", "TOOLS", 5, right=True, needs=96),
    Column("tokens", "TOKENS", 7, right=True),
    Column("errors", "ERR", 4, right=True),
    Column("size", "SIZE", 7, right=True, needs=140),
)

SORTS: dict[str, Callable[[RunRow], float]] = {
    "when": lambda row: 0.0,
    "time": lambda row: (row.run.ended or row.run.latest or 0.0) - (row.run.started or 0.0),
    "nodes": lambda row: row.run.nodes,
    "events": lambda row: row.run.events,
    "tokens": lambda row: summary.total(row.run.tokens_in, row.run.tokens_out) or 0,
    "errors": lambda row: row.run.errors + row.run.aborted,
    "size": lambda row: row.bytes,
}
"""By column: what is sorted by, largest first. `when` is the order of arrival, live runs first."""


class RunList(Rows):
    """The runs of the file, as the filter leaves and the sort orders them."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._clock = clock
        self._all: list[RunRow] = []
        self._shown: list[RunRow] = []
        self._filter = ""
        self.sort = "when"
        self.hint = ""
        """What to say when the file holds no run."""

    @property
    def count(self) -> int:
        return len(self._shown)

    @property
    def total(self) -> int:
        """How many runs there are, the filtered ones included."""
        return len(self._all)

    @property
    def selected(self) -> RunRow | None:
        """The run under the cursor."""
        return self._shown[self.cursor] if self._shown else None

    def show(self, rows: list[RunRow]) -> None:
        """These are the runs now, newest first. The cursor stays on its run."""
        self._all = rows
        self._arrange()

    def narrow(self, words: str) -> None:
        """Show only runs of which goal, id or status hold all these words."""
        self._filter = words
        self._arrange()

    def order(self, sort: str) -> None:
        """Sort by this column."""
        self.sort = sort
        self._arrange()

    def _arrange(self) -> None:
        now, at = self._clock(), self.selected
        line = self.cursor - self.scroll_offset.y
        words = self._filter.lower().split()
        shown = (
            [row for row in self._all if all(word in self._haystack(row, now) for word in words)] if words else self._all
        )
        if self.sort == "when":
            self._shown = sorted(shown, key=lambda row: summary.run_ended(row.run, now) != "running")
        else:
            self._shown = sorted(shown, key=SORTS[self.sort], reverse=True)
        if at is not None:
            keys = [row.key for row in self._shown]
            self.set_reactive(Rows.cursor, keys.index(at.key) if at.key in keys else self.cursor)
        self.changed()
        if self.scroll_offset.y:  # who reads further down is not disturbed by what comes above
            self.scroll_to_row(self.cursor - line)
        else:
            self._show(self.cursor)

    def _haystack(self, row: RunRow, now: float) -> str:
        return f"{row.run.goal or ''} {row.run.run_id} {summary.run_ended(row.run, now)} {row.run.mode or ''}".lower()

    def empty(self) -> str:
        return f"no run matches “{clean(self._filter, 60)}”" if self._all else self.hint

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._shown[index]
        now, more = self._clock(), self.glyphs("more")
        for column, size in fit(COLUMNS, width):
            for text, role in self._cell(column.name, row, now, size):
                yield Cell(pad(text, size, column.right, more) if column.name != "bar" else text, role)
            yield Cell(" ")

    def _cell(self, name: str, row: RunRow, now: float, size: int) -> Iterable[Cell]:
        run = row.run
        silent = summary.silence(run, now) is not None
        mark, role = run_mark(run, silent)
        match name:
            case "mark":
                yield Cell(self.glyphs(mark), role)
            case "kept":
                yield Cell(self.glyphs("kept") if row.marked else " ", "label")
            case "status":
                yield Cell(summary.run_ended(run, now), role)
            case "when":
                yield Cell(fmt.moment(run.started, now), "muted")
            case "goal":
                goal = clean(run.goal or "") or f"(no goal heard yet) {clean(run.run_id, 100)}"
                yield Cell(goal, "strong" if mark == "running" else "text" if run.goal else "muted")
            case "bar":
                full = size * run.finished // run.nodes if run.nodes else 0
                yield Cell(self.glyphs("bar") * full, role)
                yield Cell(self.glyphs("rest") * (size - full), "faint")
            case "nodes":
                yield Cell(f"{fmt.count(run.finished)}/{fmt.count(run.nodes)}", "muted")
            case "time":
                yield Cell(fmt.duration(summary.elapsed(run, now)))
            case "events":
                yield Cell(fmt.count(run.events), "muted")
            case "llm":
                yield Cell(fmt.count(run.llm_calls), "muted")
            case "tools":
                yield Cell(fmt.count(run.tool_calls), "muted")
            case "tokens":
                spent = summary.total(run.tokens_in, run.tokens_out)
                yield Cell(fmt.count(spent), "faint" if spent is None else "text")
            case "errors":
                errors = run.errors + run.aborted
                yield Cell(str(errors) if errors else self.glyphs("dot"), "failed" if errors else "faint")
            case "size":
                yield Cell(fmt.size(row.bytes), "muted")


class RunListTitles(Widget):
    """The line of titles above a run list."""

    DEFAULT_CSS = """
    RunListTitles { height: 1; background: $surface; color: $foreground 62%; }
    """

    def __init__(self, runs: RunList, glyphs: Glyphs) -> None:
        super().__init__()
        self._runs = runs
        self._glyphs = glyphs

    def on_mount(self) -> None:
        self.watch(self._runs, "show_vertical_scrollbar", self._widened, init=False)

    def _widened(self) -> None:
        self.refresh()

    def render(self) -> RenderResult:
        parts: list[str | tuple[str, str]] = [" "]
        for column, size in fit(COLUMNS, (self._runs.scrollable_content_region.width or self.size.width) - 1):
            if column.name == self._runs.sort:
                title = f"{column.title}{self._glyphs('down')}"
                parts.append((pad(title, size, column.right), "bold $accent"))
            else:
                parts.append(pad(column.title, size, column.right))
            parts.append(" ")
        return Content.assemble(*parts)
