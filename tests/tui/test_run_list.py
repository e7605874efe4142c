"""The table of runs."""

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult

from store.model.record import RunRow
from store.model.state import Run, RunStatus
from tests.tui.stage import Clock, WidgetApp, line_with, lines, row_of, rows_of, shown, until, watching
from tui.models.run_order import SORTS
from tui.theme import Glyphs
from tui.widgets.run_list import COLUMNS, RunList, RunListTitles

CLOCK = Clock()
NOW = CLOCK.now


def run(key: int, goal: str, **fields: object) -> RunRow:
    """A run that began so many minutes ago and by default ended half a minute later."""
    began = NOW - 60.0 * (10 - key)
    defaults = {"status": RunStatus.COMPLETED, "started": began, "ended": began + 30.0, "latest": began + 30.0}
    made = Run(**{"run_id": f"run-{key}", "goal": goal, **defaults, **fields})  # type: ignore[arg-type]
    return row_of(made, key, size=1_000 * key)


BOOK = run(3, "Write a book", nodes=4, finished=4, events=100, tokens_in=500, tokens_out=50, cost=1.236, mode="story")
REPORT = run(2, "Write a report", nodes=9, finished=4, events=20, errors=3, cost=0.2, unpriced=1, status=RunStatus.ERROR)
MEMO = run(1, "Draft a memo", nodes=2, finished=2, events=30, tokens_in=9, ended=NOW, latest=NOW)
LIVE = run(0, "Count the stars", nodes=5, finished=1, events=7, status=RunStatus.RUNNING, ended=None, latest=NOW - 3.0)
RUNS = [BOOK, REPORT, MEMO, LIVE]


class Table(WidgetApp):
    """An app with the list of runs and its column titles."""

    def __init__(self, rows: list[RunRow] = RUNS, glyphs: Glyphs | None = None, hint: str = "") -> None:
        self.runs = RunList(glyphs or Glyphs(), CLOCK, id="runs")
        self.runs.hint = hint
        super().__init__(self.runs)
        self._rows = rows
        self._glyphs = glyphs or Glyphs()

    def compose(self) -> ComposeResult:
        yield RunListTitles(self.runs, self._glyphs)
        yield from super().compose()

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.runs.update, self._rows)

    @property
    def goals(self) -> list[str]:
        """The goals of the listed runs, from the top."""
        known = [row.run.goal or "" for row in self._rows]
        return [next((goal for goal in known if goal in line), "?") for line in rows_of(self.runs) if line.strip()]


class TestRows:
    """Each run is one line with the columns that fit the width."""

    async def test_live_runs_come_first_then_the_newest(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: app.goals == ["Count the stars", "Write a book", "Write a report", "Draft a memo"])

    async def test_a_row_shows_progress_and_cost(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: all(text in line_with(app, "book") for text in ("✓", "11:53", "4/4", "30s", "550")))

    async def test_a_cost_with_an_unpriced_part_is_a_floor(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: "$1.24" in line_with(app, "book"))
            assert "≥ $0.20" in line_with(app, "report")
            assert "≥" not in line_with(app, "book")

    async def test_missing_token_counts_are_not_shown_as_zero(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: "n/a" in line_with(app, "report"))

    @pytest.mark.parametrize(("width", "there"), [(80, []), (95, ["TOKENS"]), (110, ["TOKENS", "EVENTS"])])
    async def test_a_narrow_table_omits_columns(self, width: int, there: list[str]) -> None:
        app = Table()
        async with watching(app, width, 20) as pilot:
            await until(pilot, lambda: "GOAL" in shown(app))
            assert [title for title in ("TOKENS", "EVENTS") if title in shown(app)] == there

    @pytest.mark.parametrize("many", [1, 100], ids=["without scrollbar", "with scrollbar"])
    @pytest.mark.parametrize("width", [80, 89, 90, 91, 106, 120, 140, 141, 142, 150, 200])
    async def test_titles_are_aligned_with_their_columns(self, width: int, many: int) -> None:
        app = Table(
            [run(key, "Write", run_id=f"r{key}", tokens_in=123_456, nodes=77, errors=55, cost=1.25) for key in range(many)]
        )
        async with watching(app, width, 20) as pilot:
            await until(pilot, lambda: "Write" in shown(app))
            titles, first = lines(app)[0], lines(app)[1]
            ends = [titles.index(title) + len(title) for title in ("TASKS", "COST", "ERR")]
            assert ends == [first.index(value) + len(value) for value in ("/77", "$1.25", "55")]

    @pytest.mark.parametrize("glyphs", [Glyphs(), Glyphs(ascii_only=True)], ids=["unicode", "ascii"])
    @pytest.mark.parametrize("width", [1, 10, 40, 80, 120, 200])
    async def test_no_line_is_wider_than_the_table(self, width: int, glyphs: Glyphs) -> None:
        app = Table(glyphs=glyphs)
        async with watching(app, width, 20) as pilot:
            await pilot.pause()
            assert {cell_len(line) for line in lines(app)} == {width}

    async def test_a_run_without_a_goal_shows_its_id(self) -> None:
        app = Table([row_of(Run("run-7"))])
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: "(no goal published yet) run-7" in shown(app))

    async def test_an_empty_list_shows_how_to_start(self) -> None:
        app = Table([], hint="See how it looks with:  treetop demo")
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: "treetop demo" in shown(app))


class TestFilter:
    """Only runs that contain all words."""

    @pytest.mark.parametrize(
        ("words", "goals"),
        [
            ("write", ["Write a book", "Write a report"]),
            ("WRITE rep", ["Write a report"]),
            ("run-1", ["Draft a memo"]),
            ("live", ["Count the stars"]),
            ("failed", ["Write a report"]),
            ("story", ["Write a book"]),
            ("", ["Count the stars", "Write a book", "Write a report", "Draft a memo"]),
        ],
    )
    async def test_words_match_goal_id_status_and_mode(self, words: str, goals: list[str]) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            app.runs.narrow(words)
            await until(pilot, lambda: app.goals == goals)

    async def test_a_filter_without_matches_is_reported(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            app.runs.narrow("xyz")
            await until(pilot, lambda: "No run matches “xyz”" in shown(app))

    async def test_the_filter_applies_to_new_runs(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            app.runs.narrow("write")
            app.runs.update([run(4, "Read a book"), *RUNS])
            await until(pilot, lambda: app.goals == ["Write a book", "Write a report"])


class TestSort:
    """Numbers in descending order, texts in ascending order."""

    @pytest.mark.parametrize(
        ("column", "first"),
        [
            ("when", "Count the stars"),
            ("time", "Count the stars"),
            ("nodes", "Write a report"),
            ("events", "Write a book"),
            ("tokens", "Write a book"),
            ("cost", "Write a book"),
            ("errors", "Write a report"),
            ("size", "Write a book"),
        ],
    )
    async def test_every_column_sorts_the_runs(self, column: str, first: str) -> None:
        app = Table()
        async with watching(app, 150, 20) as pilot:
            app.runs.order(column)
            await until(pilot, lambda: app.goals[0] == first)

    def test_every_sortable_column_is_tested(self) -> None:
        assert SORTS.keys() == {column.name for column in COLUMNS if column.title}

    @pytest.mark.parametrize("column", [name for name in SORTS if name not in ("size", "status", "tools")])
    async def test_the_title_of_the_sorted_column_is_marked(self, column: str) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            app.runs.order(column)
            app.query_one(RunListTitles).refresh()
            title = {"errors": "ERR", "nodes": "TASKS"}.get(column, column.upper())
            await until(pilot, lambda: f"{title}▼" in lines(app)[0])


class TestCursor:
    """The cursor stays on a run, not on a line."""

    async def test_the_cursor_stays_on_its_run_when_runs_appear(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await pilot.press("j", "j")
            app.runs.update([run(4, "Read a book"), *RUNS])
            assert app.runs.selected == REPORT

    async def test_the_cursor_stays_on_its_run_when_they_are_sorted(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await pilot.press("j", "j")
            app.runs.order("tokens")
            assert app.runs.selected == REPORT

    async def test_the_cursor_stays_on_its_line_when_its_run_is_deleted(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await pilot.press("j", "j")
            app.runs.update([], [REPORT.key])
            assert app.runs.selected == MEMO

    async def test_an_empty_list_has_no_selected_run(self) -> None:
        app = Table([])
        async with watching(app, 120, 20) as pilot:
            await pilot.press("j", "G")
            assert app.runs.selected is None

    @pytest.mark.parametrize("keys", [["pagedown"], ["pagedown", "pagedown", "k"], ["G"]])
    async def test_the_row_of_the_cursor_stays_on_its_line_when_runs_appear(self, keys: list[str]) -> None:
        many = [run(key, f"Write part {key:03}", run_id=f"r{key}") for key in range(100)]
        app = Table(many)
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: "Write part 099" in shown(app))
            await pilot.press(*keys, "j", "k", "k")
            await pilot.pause()
            before = rows_of(app.runs)
            app.runs.update([*(run(key, f"Write part {key:03}", run_id=f"r{key}") for key in range(100, 120)), *many])
            await until(pilot, lambda: app.runs.cursor > 20)
            await until(pilot, lambda: rows_of(app.runs) == before)

    async def test_a_list_at_its_top_shows_new_runs(self) -> None:
        app = Table()
        async with watching(app, 120, 20) as pilot:
            await until(pilot, lambda: app.goals)
            app.runs.update([run(4, "Read a book"), *RUNS])
            await until(pilot, lambda: "Read a book" in shown(app))
