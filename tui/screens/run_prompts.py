"""The prompts of a run: the search in the tree, the filter of the timeline, and the target of time travel."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input

from store.model.target import EXAMPLES, Target, parse
from tui.models.event_filter import PLACEHOLDER, parse_match
from tui.screens.fed import FedScreen
from tui.screens.finding import Finding
from tui.session.session import Session
from tui.text import clean
from tui.widgets.prompt import Prompt
from tui.widgets.run_panes import RunPanes

SEARCH_HINT = "words of a task's goal, name or id; Enter, n: next, N: previous, Esc: end"

SEARCH_LENGTH = 200
"""Maximum number of characters of a search."""


class RunPrompts(Container):
    """Opens and closes the prompts, and applies the search and the filter while they are typed."""

    DEFAULT_CSS = "RunPrompts { height: auto; }"

    class Sought(Message):
        """The user submitted a target of time travel."""

        def __init__(self, target: Target) -> None:
            super().__init__()
            self.target = target

    def __init__(self, screen: FedScreen, session: Session, panes: RunPanes, finding: Finding) -> None:
        super().__init__()
        self._screen = screen
        self._session = session
        self._panes = panes
        self._finding = finding
        self._search = Prompt(
            "Search", placeholder=SEARCH_HINT, id="search", max_length=SEARCH_LENGTH, select_on_focus=False
        )
        self._filter = Prompt("Filter", placeholder=PLACEHOLDER, id="filter")
        self._seek = Prompt("Go to", placeholder=EXAMPLES, id="seek", select_on_focus=False)

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._filter
        yield self._seek

    def search(self) -> None:
        """Open the search in the tree."""
        self._search.open()

    def filter(self) -> None:
        """Open the filter of the timeline."""
        self._filter.open()

    def end_filter(self) -> None:
        """Close the filter of the timeline."""
        self._filter.close()

    def seek(self) -> None:
        """Open the prompt for a target of time travel."""
        self._seek.open()

    def back(self) -> bool:
        """Cancel the focused prompt, or end the filter or search of the focused pane. Returns whether there was one."""
        focused = self._screen.focused
        if isinstance(focused, Prompt):
            self._close(focused)
            self._leave(focused)
            return True
        applied = {"timeline": self._filter, "tree": self._search}.get(self._panes.focused or "")
        if applied is None or not applied.value:
            return False
        self._close(applied)
        return True

    def _close(self, prompt: Prompt) -> None:
        prompt.close()
        if prompt is self._search:
            self._session.search.text = ""  # `Input.Changed` arrives after the next key

    def _leave(self, prompt: Input) -> None:
        self._panes.open("timeline" if prompt is self._filter else "tree")

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._session.events.match = parse_match(event.value)
        self._screen.soon()

    @on(Input.Changed, "#search")
    def _searched(self, event: Input.Changed) -> None:
        self._finding.search(event.value)

    @on(Input.Submitted, "#filter")
    @on(Input.Submitted, "#search")
    def _submitted(self, event: Input.Submitted) -> None:
        event.input.set_class(bool(event.value.strip()), "-open")
        self._leave(event.input)
        if event.input is self._search and event.value.strip():
            self._finding.hit(1)

    @on(Input.Submitted, "#seek")
    def _target_submitted(self, event: Input.Submitted) -> None:
        target = None
        if event.value.strip() and self._session.opened:
            try:
                target = parse(event.value)
            except ValueError as error:
                message = f"{event.value!r} is not a time or an event: {error}"
                self._screen.notify(clean(message), severity="error", markup=False, timeout=4)
        if target is not None or not event.value.strip():
            self._close(self._seek)
            self._leave(self._seek)
        if target is not None:
            self.post_message(self.Sought(target))
