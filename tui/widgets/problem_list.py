"""The list of problems of ingest: entries that are not events, and entries that were lost."""

from collections.abc import Callable, Iterable, Sequence

from store.model.record import GapRow, RejectedRow
from tui import format as fmt
from tui.models.columns import Cell, Column, fit, pad
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.rows import Rows

COLUMNS = (
    Column("mark", "", 1),
    Column("when", "WHEN", 6),
    Column("kind", "WHAT", 9),
    Column("id", "ENTRY", 18, needs=70),
    Column("reason", "WHY", 0),
    Column("size", "SIZE", 10, right=True, needs=50),
)

Problem = RejectedRow | GapRow


class ProblemList(Rows):
    """Draws rejected entries and gaps, newest first. From outside: call `show`, read `selected`."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._clock = clock
        self._problems: list[Problem] = []

    @property
    def count(self) -> int:
        return len(self._problems)

    @property
    def selected(self) -> Problem | None:
        """The problem under the cursor."""
        return self._problems[self.cursor] if self._problems else None

    def show(self, problems: Sequence[Problem]) -> None:
        """Replace the problems. The cursor stays on its problem."""
        at = self.selected
        self._problems = sorted(problems, key=lambda problem: problem.found, reverse=True)
        if at is not None and at in self._problems:
            self.set_reactive(Rows.cursor, self._problems.index(at))
        self.changed()

    def empty(self) -> str:
        return "No entry was rejected, and no loss was detected.\nThe file contains all entries read from the stream."

    def row(self, index: int, width: int) -> Iterable[Cell]:
        problem, now = self._problems[index], self._clock()
        for column, size in fit(COLUMNS, width):
            text, role = self._cell(column.name, problem, now)
            yield Cell(pad(text, size, column.right, self.glyphs("more")), role)
            yield Cell(" ")

    def _cell(self, name: str, problem: Problem, now: float) -> tuple[str, str]:
        lost = isinstance(problem, GapRow)
        match name:
            case "mark":
                return self.glyphs("error" if lost else "placeholder"), "failed" if lost else "doing"
            case "when":
                return fmt.moment(problem.found, now), "muted"
            case "kind":
                return ("lost", "failed") if lost else ("rejected", "doing")
            case "id":
                return clean(problem.after if isinstance(problem, GapRow) else problem.stream_id, 40), "muted"
            case "reason":
                return clean(problem.note if isinstance(problem, GapRow) else problem.reason), "text"
            case _:
                if isinstance(problem, GapRow):
                    return ("some" if problem.lost is None else f"{fmt.count(problem.lost)} lost"), "failed"
                return fmt.size(problem.size), "muted"
