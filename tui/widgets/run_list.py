"""The table of runs: goal, progress, cost and errors of each run."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from textual.content import Content

from store.model.phase import elapsed, errors, phase, unfinished
from store.model.record import RunRow
from store.model.runaway import NO_BUDGET, Budget, runaways
from store.model.state import RunStatus
from tui import format as fmt
from tui.models import summary
from tui.models.columns import Cell, Column, clip, fit, pad
from tui.models.run_order import SORTS, RunOrder
from tui.text import clean
from tui.theme import Glyphs, run_mark
from tui.widgets.linked import LinkedLine, linked
from tui.widgets.rows import Rows

COLUMNS = (
    Column("mark", "", 1),
    Column("kept", "", 1),
    Column("status", "STATUS", 15, needs=112),
    Column("when", "WHEN", 6),
    Column("goal", "GOAL", 0),
    Column("bar", "", 12, needs=140),
    Column("nodes", "TASKS", 9, right=True),
    Column("time", "TIME", 7, right=True),
    Column("events", "EVENTS", 7, right=True, needs=106),
    Column("llm", "LLM", 5, right=True, needs=106),
    Column("tools", "TOOLS", 5, right=True, needs=106),
    Column("tokens", "TOKENS", 7, right=True, needs=90),
    Column("cost", "COST", 10, right=True),
    Column("errors", "ERR", 4, right=True),
    Column("size", "SIZE", 7, right=True, needs=140),
)


class RunList(Rows):
    """Draws the runs of the file, filtered and sorted.

    From outside: call `update`, `tick`, `clear`, `narrow` and `order`; set `hint`; read the properties.
    """

    def __init__(
        self, glyphs: Glyphs, clock: Callable[[], float], budget: Budget = NO_BUDGET, *, id: str | None = None
    ) -> None:
        """`budget`: a run that exceeds it is marked."""
        super().__init__(glyphs, id=id)
        self._clock = clock
        self._budget = budget
        self._runs = RunOrder()
        self.hint = ""
        """Text shown when the file contains no runs."""

    @property
    def count(self) -> int:
        return len(self._runs)

    @property
    def total(self) -> int:
        """Number of runs, including those that the filter hides."""
        return self._runs.total

    @property
    def live(self) -> int:
        """Number of live runs, including those that the filter hides."""
        return self._runs.live

    @property
    def sort(self) -> str:
        """Name of the column that orders the runs."""
        return self._runs.sort

    @property
    def backwards(self) -> bool:
        """Whether that order is reversed."""
        return self._runs.backwards

    @property
    def selected(self) -> RunRow | None:
        """The run under the cursor."""
        return self._runs[self.cursor] if self.count else None

    def clear(self) -> None:
        """Remove all runs."""
        self._runs.clear()
        self.changed()

    def update(self, rows: Collection[RunRow], gone: Iterable[int] = ()) -> None:
        """Add or replace runs, and remove those with the keys `gone`. The cursor stays on its run."""
        with self._arranging():
            self._runs.update(rows, gone, self._clock())

    def tick(self) -> bool:
        """Show the passing of time in live runs. Returns whether there are runs that can change by it."""
        with self._arranging() as runs:
            return runs.pass_time(self._clock())

    def narrow(self, words: str) -> None:
        """Show only runs whose goal, id or status contain all words."""
        with self._arranging() as runs:
            runs.words = words.lower().split()
            runs.arrange(self._clock())

    def order(self, sort: str, backwards: bool = False) -> None:
        """Sort by a column."""
        with self._arranging() as runs:
            runs.sort, runs.backwards = sort, backwards
            runs.arrange(self._clock())

    @contextmanager
    def _arranging(self) -> Iterator[RunOrder]:
        """Change the order. The cursor stays on its run, and a list that is scrolled keeps its rows in place."""
        at, line = self.selected, self.cursor - self.scroll_offset.y
        yield self._runs
        if at is not None:
            index = self._runs.index(at.key)
            self.set_reactive(Rows.cursor, self.cursor if index is None else index)
        self.changed()
        if self.scroll_offset.y:
            self.scroll_to_row(self.cursor - line)
        else:
            self._show(self.cursor)

    def empty(self) -> str:
        words = clean(" ".join(self._runs.words), 60)
        return f"No run matches “{words}”.\n\nEsc shows all runs; \\ changes the filter." if self.total else self.hint

    def row(self, index: int, width: int) -> Iterable[Cell]:
        row = self._runs[index]
        now, more = self._clock(), self.glyphs("more")
        for column, size in fit(COLUMNS, width):
            cells = self._cell(column.name, row, now, size)
            if column.name == "goal":
                yield from clip(cells, size, (), more)
            for text, role in cells if column.name != "goal" else ():
                yield Cell(pad(text, size, column.right, more) if column.name != "bar" else text, role)
            yield Cell(" ")

    def _cell(self, name: str, row: RunRow, now: float, size: int) -> Iterable[Cell]:
        run = row.run
        mark, role = run_mark(phase(run, now))
        match name:
            case "mark":
                yield Cell(self.glyphs(mark), role)
            case "kept":
                yield Cell(self.glyphs("kept") if row.pinned else " ", "label")
            case "status":
                yield Cell(summary.run_status(run, now), role)
            case "when":
                yield Cell(fmt.moment(run.started, now), "muted")
            case "goal":
                for found in runaways(run, self._budget)[:1]:
                    yield Cell(f"{self.glyphs('runaway')} {found.sign}  ", "failed")
                goal = clean(run.goal or "") or f"(no goal published yet) {clean(run.run_id, 100)}"
                yield Cell(goal, "strong" if mark == "running" else "text" if run.goal else "muted")
            case "bar" if run.status == RunStatus.RUNNING:  # its plans grow, so that a bar would go back
                yield Cell(pad(f"{fmt.count(unfinished(run))} open", size), "muted")
            case "bar":
                full = size * run.finished // run.nodes if run.nodes else 0
                yield Cell(self.glyphs("bar") * full, role)
                yield Cell(self.glyphs("rest") * (size - full), "faint")
            case "nodes":
                yield Cell(f"{fmt.count(run.finished)}/{fmt.count(run.nodes)}", "muted")
            case "time":
                yield Cell(fmt.duration(elapsed(run, now)))
            case "events":
                yield Cell(fmt.count(run.events), "muted")
            case "llm":
                yield Cell(fmt.count(run.llm_calls), "muted")
            case "tools":
                yield Cell(fmt.count(run.tool_calls), "muted")
            case "tokens":
                spent = summary.total(run.tokens_in, run.tokens_out)
                yield Cell(fmt.count(spent), "faint" if spent is None else "text")
            case "cost":
                yield Cell(fmt.cost(run.cost, run.unpriced), "faint" if run.cost is None else "text")
            case "errors":
                number = errors(run)
                yield Cell(str(number) if number else self.glyphs("none"), "failed" if number else "faint")
            case "size":
                yield Cell(fmt.size(row.bytes), "muted")


class RunListTitles(LinkedLine):
    """The titles of the columns. A click on a title sorts by its column, a second click in reverse order."""

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

    def line(self) -> Content:
        parts: list[str | Content] = [" "]
        mark = self._glyphs("up" if self._runs.backwards else "down")
        for column, size in fit(COLUMNS, (self._runs.scrollable_content_region.width or self.size.width) - 1):
            title, style = pad(column.title, size, column.right), ""
            if column.name == self._runs.sort:
                title, style = pad(f"{column.title[: size - 1]}{mark}", size, column.right), "bold $foreground"
            parts += [linked(title, column.name, style) if column.name in SORTS else title, " "]
        return Content.assemble(*parts)

    def follow(self, target: str) -> None:
        self._runs.order(target, backwards=target == self._runs.sort and not self._runs.backwards)
        self.refresh()
