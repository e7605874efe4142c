"""The screen of problems: the entries of the stream that are not in the runs, and why."""

from functools import partial
from pathlib import Path
from shlex import quote

from textual import on
from textual.app import ComposeResult

from store.database.reader import Reader
from store.model.record import GapRow, RejectedRow
from tui import format as fmt
from tui.models.lines import Line, fact, heading, line, prose
from tui.models.snapshot import Text
from tui.screens.fed import FedScreen
from tui.text import clean
from tui.widgets.key_line import KeyLine
from tui.widgets.problem_list import ProblemList
from tui.widgets.rows import Rows
from tui.widgets.status_bar import StatusBar
from tui.widgets.text_pane import TextPane

SHOWN_BYTES = 64_000
"""Number of bytes of a rejected entry that are shown."""


class ProblemsScreen(FedScreen):
    """Lists the problems, and shows the details of the one under the cursor."""

    CSS = """
    ProblemsScreen ProblemList, ProblemsScreen TextPane { border-top: solid $border-blurred; }
    ProblemsScreen ProblemList { height: 1fr; }
    ProblemsScreen TextPane { height: 1fr; }
    ProblemsScreen ProblemList:focus, ProblemsScreen TextPane:focus {
        border-top: solid $border; border-title-color: $accent; border-title-style: bold;
    }
    """

    def compose(self) -> ComposeResult:
        yield ProblemList(self.glyphs, self.clock, id="problems")
        yield TextPane(id="problem")
        yield StatusBar(self.glyphs)
        yield KeyLine().data_bind(idle=FedScreen.idle_keys)

    def on_mount(self) -> None:
        self._problems, self._pane = self.query_one(ProblemList), self.query_one(TextPane)
        self._problems.caption, self._pane.caption = "Rejected and lost", "Details"
        self.rows = self._problems
        self._problems.focus()

    async def read(self, reader: Reader) -> None:
        self._problems.show([*await reader.rejected(), *await reader.all_gaps()])
        self._detail()

    @on(Rows.Moved)
    def _detail(self) -> None:
        if self.reader is not None:
            self.do(partial(self._inspect, self.reader), "inspect")

    async def _inspect(self, reader: Reader) -> None:
        problem, pane = self._problems.selected, self._pane
        if isinstance(problem, GapRow):
            pane.shown = Text(("gap", problem.key), _gap_lines(problem))
        elif isinstance(problem, RejectedRow):
            data = await reader.rejected_data(problem.key)
            pane.shown = Text(("rejected", problem.key), _rejected_lines(problem, data, reader.path))
        else:
            pane.shown = Text()

    @on(Rows.Selected)
    def _open(self) -> None:
        self._pane.focus()


def _gap_lines(gap: GapRow) -> list[Line]:
    lost = "an unknown number" if gap.lost is None else fmt.exactly(gap.lost, "entry", "entries")
    return [
        line(f"Entries of the stream were lost before they were read: {lost}.", "failed"),
        *prose(gap.note),
        *heading("Details"),
        fact("kind", gap.kind),
        fact("found", fmt.clock(gap.found)),
        fact("after", f"entry {clean(gap.after, 40)}"),
        fact("before", f"entry {clean(gap.before, 40)}" if gap.before else "the next entry"),
        fact("run", clean(gap.run_id or "none was open", 80)),
    ]


def _rejected_lines(problem: RejectedRow, data: bytes, path: Path) -> list[Line]:
    cut = f", the first {fmt.size(SHOWN_BYTES)} shown" if len(data) > SHOWN_BYTES else ""
    return [
        line("An entry of the stream that is not an event. It is kept as it was read.", "doing"),
        *prose(problem.reason, "strong"),
        *heading("Details"),
        fact("entry", clean(problem.stream_id, 40)),
        fact("found", fmt.clock(problem.found)),
        *heading("To remove all rejected entries from the file"),
        *prose(f"treetop prune --rejected --yes --db {quote(clean(str(path)))}"),
        *heading(f"{fmt.size(len(data))}{cut}"),
        *prose(data[:SHOWN_BYTES].decode("utf-8", "backslashreplace")),
    ]
