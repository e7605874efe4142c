"""Finding in a run: the search in the tree, and the next error, active node, or thing of the same kind."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

from store.model.runaway import runaways
from tui.screens.fed import FedScreen
from tui.session.session import Session
from tui.text import clean
from tui.widgets.run_panes import RunPanes

GROUP = "find"
"""Group of the workers that look for the target of a key."""


class Finding:
    """Looks for the targets of keys, in the order of the keys, and selects them.

    `on_selected` is called after a node was selected, `on_hits` when the hits of the search or the selected hit changed,
    `on_position` after another position was selected in time travel.
    """

    def __init__(
        self,
        screen: FedScreen,
        session: Session,
        panes: RunPanes,
        on_selected: Callable[[], None],
        on_hits: Callable[[], None],
        on_position: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._session = session
        self._panes = panes
        self._on_selected, self._on_hits, self._on_position = on_selected, on_hits, on_position
        self._place: tuple[str, object, str] = ("", None, "")
        """Pane and number of the node or row that e or E found last, and its number among those with errors."""
        self._turn = asyncio.Lock()
        """Held while the target of a key is looked for: the next key starts from there."""

    def start(self, search: Callable[[], Awaitable[None]]) -> None:
        """Look for the target of a key, starting from the target of the keys before it."""
        if self._session.opened:
            self._screen.do(partial(self._in_turn, search), GROUP, exclusive=False)

    def cancel(self) -> None:
        """Stop looking for the targets of earlier keys."""
        self._screen.workers.cancel_group(self._screen, GROUP)

    async def until_found(self) -> None:
        """Wait until the targets of earlier keys were found and selected."""
        async with self._turn:
            pass

    async def _in_turn(self, search: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            await search()

    def _select(self, node: int | None) -> None:
        if self._session.tree.select(node):
            self._panes.node_tree.show_selected()
            self._on_selected()

    def place(self, pane: str, number: int | None) -> str:
        """Number of a node or row among those with errors, as an addition to a title, if e or E found it last."""
        return self._place[2] if self._place[:2] == (pane, number) else ""

    def search(self, text: str) -> None:
        """Search the tree for words."""
        self._session.search.text = text
        self.start(self._search)

    async def _search(self) -> None:
        await self._session.search.refresh()
        self._on_hits()

    def hit(self, step: int) -> None:
        """Select the next hit of the search, or the previous one (`step` -1)."""
        self.start(partial(self._hit, step))

    async def _hit(self, step: int) -> None:
        session, search = self._session, self._session.search
        await search.refresh()
        found = search.next(step)
        self._select(found)
        self._on_hits()
        if found is None and search.active:
            narrowed, travelling = session.tree.root is not None, session.travel.active
            where = " in this part of the tree" if narrowed else " at this moment" if travelling else ""
            self._screen.notify(f"No task{where} matches {clean(search.text, 80)!r}.", markup=False)

    def active(self) -> None:
        """Select the next node at work."""
        self.start(self._active)

    async def _active(self) -> None:
        self._select(await self._session.finder.active())

    def runaway(self) -> None:
        """Select the next node that shows that the run runs away."""
        self.start(self._runaway)

    async def _runaway(self) -> None:
        session = self._session
        found = await session.finder.runaway()
        self._select(found)
        if found is None:
            reasons = [f"The run: {reason.reason}." for reason in runaways(session.moment.run)]
            self._screen.notify(" ".join(reasons) or "No task runs away.", markup=False)

    def next(self, what: Literal["failed", "alike"], step: int) -> None:
        """Go to the next error or thing of the same kind: in time during time travel, else in the focused pane."""
        self.start(partial(self._next, what, step))

    async def _next(self, what: Literal["failed", "alike"], step: int) -> None:
        session, finder, timeline = self._session, self._session.finder, self._panes.timeline
        missing = f"No {'error' if what == 'failed' else 'event of this type'} {'after' if step > 0 else 'before'} this"
        if session.travel.active:
            if await session.next_in_time(what, step):
                at = session.travel.position or 0
                place = await session.events.place_at(at) if what == "failed" and session.events.scope == "run" else ""
                self._place = ("timeline", at - 1, f", error {place}" if place else "")
                self._on_position()
            else:
                self._screen.notify(f"{missing} position.", markup=False)
        elif self._panes.focused == "timeline":
            row = await session.events.find(what, step, timeline.place)
            if row is not None:
                place = await session.events.place(row) if what == "failed" else ""
                self._place = ("timeline", row, f", error {place}" if place else "")
                timeline.go(row)
            elif timeline.count:
                self._screen.notify(f"{missing} event.", markup=False)
        elif what == "alike":
            self._select(await finder.alike(step))
        else:
            found = await finder.with_errors(step)
            if found is not None:
                wrapped = " (wrapped)" if found.wrapped else ""
                self._place = ("tree", found.node, f", {found.place:,} of {found.total:,} with errors{wrapped}")
                self._select(found.node)
            else:
                error = session.moment.run.error
                none = "No task has an error"
                self._screen.notify(
                    f"{none}; the run ended with {clean(error, 300)}" if error else f"{none}.", markup=False
                )
