"""What the timeline lists, and from where its rows come: events of a node, of all beneath it, or of the run."""

from collections.abc import Sequence
from textwrap import fill
from typing import Literal

from store.listing import Listing, Matches, NodeEvents, NodeMatches, RunEvents, SubtreeMatches
from store.record import Match, Stored
from store.state import Node
from store.view import View
from tui import format as fmt
from tui.models.event_filter import KINDS
from tui.text import clean
from tui.theme import EVENTS
from tui.widgets.node_tree import NodeTree
from tui.widgets.timeline import Timeline

Scope = Literal["node", "subtree", "run"]
SCOPES: tuple[Scope, ...] = ("node", "subtree", "run")

OF = {"node": "this node", "subtree": "this node and all beneath", "run": "the run"}

WHICH = fill(f"Types are {', '.join(KINDS)}.", 40)
"""What can be asked for instead of a type that there is not."""

PAGED = 200
"""Rows that are read at once to find one among them."""


class EventList:
    """Keeps a `Timeline` in step with a view, one node being selected in a tree."""

    def __init__(self, view: View, timeline: Timeline, tree: NodeTree) -> None:
        self._view = view
        self._timeline = timeline
        self._tree = tree
        self.scope: Scope = "node"
        self._match = Match()
        self._unheard = ""
        """The type that is asked for, where there are no such events."""
        self._listed: tuple[object, ...] = ()
        self._listing: Listing | None = None
        self._shifts = 0
        """How often rows were found before those that were there."""
        self._regrouped = False
        """Have nodes come into the subtree that is listed, or left it?"""
        self._counted = 0
        """How many nodes the tree had when the subtree was taken."""

    def widen(self) -> None:
        """To the next scope."""
        self.scope = SCOPES[(SCOPES.index(self.scope) + 1) % len(SCOPES)]

    def narrow(self, match: Match) -> None:
        """Only what matches."""
        self._match = match

    def forget(self) -> None:
        """The run was read anew."""
        self._listed = ()

    def regroup(self, moved: Sequence[int]) -> None:
        """These nodes are elsewhere now: a subtree that one of them came into, or left, has other events."""
        listing, keys = self._listing, self._view.shape.keys
        if isinstance(listing, SubtreeMatches):
            self._regrouped |= any(
                keys[node] in listing or any(keys[above] in listing for above in self._tree.around(node)) for node in moved
            )

    @property
    def title(self) -> str:
        """What is listed, and how much of it."""
        of = OF[self.scope]
        if isinstance(self._listing, Matches) and not self._listing.complete:
            looked = f", {self._listing.looked:.0%} looked through"
        else:
            looked = ""
        matching = (" that matches" if self._timeline.count == 1 else " that match") if self._match else ""
        many = fmt.counted(self._timeline.count, "event")
        if self._unheard and not self._timeline.count:
            return f"3 Timeline of {of}: {many}, no such type"
        return f"3 Timeline of {of}: {many}{matching}{looked}"

    async def show(self, node: Node | None, at_end: bool) -> bool:
        """Bring the timeline to the view's position; `node` is the selected one. Is there more to be looked for?"""
        view, selected = self._view, self._tree.selected
        position = view.end if view.position is None else view.position
        about = self.scope if self.scope == "run" else (self.scope, selected)
        listed = (view.row.generation, about, self._match)
        fresh = listed != self._listed or self._regrouped
        kept = self._regrouped and listed == self._listed and not self._timeline.following
        here = self._timeline.selected if kept else None
        if fresh:
            self._unheard = await self._no_such()
            self._timeline.hint = f"\nThere is no type {clean(self._unheard, 30)}.\n{WHICH}" if self._unheard else ""
            self._listed = ()  # until all that it takes was read
            self._listing = self._list(selected, node, at_end)
        listing = self._listing
        assert listing is not None
        if isinstance(listing, NodeEvents) and node is not None:
            listing.events = node.events
        before = 0
        if isinstance(listing, Matches):
            listing.grow(node.events if isinstance(listing, NodeMatches) and node is not None else view.end)
            if isinstance(listing, SubtreeMatches) and not fresh:
                listing.add(self._new_beneath(listing))
            before = 0 if listing.complete else await listing.look()
            while here is not None and not listing.has_looked_at(here.position):
                before = await listing.look()
            self._shifts += before > 0
        if fresh:
            count = listing.count(position)
            first, last = self._timeline.first_page(count, at_end)
            rows = await listing.rows(first, last) if first < last else []
            row = None if here is None else listing.count(here.position) - 1
            self._timeline.show(count, view.run.started or 0.0, at_end, row)
            self._timeline.supply(first, rows)
            self._shifts += 1
            self._listed, self._regrouped = listed, False
        else:
            self._timeline.begin(view.run.started or 0.0)
            self._timeline.resize(listing.count(position), before)
        return not listing.complete

    async def _no_such(self) -> str:
        """The type that is asked for, where nothing can match because the file never had an event of it; else empty."""
        types = self._match.types
        if not types or types & EVENTS.keys() or await self._view.reader.types(sorted(types)):
            return ""
        return min(types)

    def _list(self, selected: int | None, node: Node | None, at_end: bool) -> Listing:
        view, match = self._view, self._match
        if self.scope == "run" or selected is None or node is None:
            return Matches(view.file, match, 1, view.end, at_end) if match else RunEvents(view.file)
        key = view.shape.keys[selected]
        if self.scope == "node":
            if match:
                return NodeMatches(view.file, match, key, node.events, at_end)
            return NodeEvents(view.file, key, node.events)
        self._counted = len(view.shape)
        numbers = self._tree.beneath(selected)
        keys, born = [view.shape.keys[number] for number in numbers], view.shape.born[min(numbers)]
        return SubtreeMatches(view.file, match, keys, born, view.end, at_end)

    def _new_beneath(self, listing: SubtreeMatches) -> list[int]:
        """The keys of the nodes that came into the subtree since it was listed."""
        keys = self._view.shape.keys
        found = [
            keys[number]
            for number in range(self._counted, len(keys))
            if any(keys[above] in listing for above in self._tree.around(number))
        ]
        self._counted = len(keys)
        return found

    @property
    def _numbering(self) -> tuple[object, ...]:
        """As long as this is the same, so are the numbers of the rows."""
        return self._listed, self._shifts

    async def supply(self, first: int, last: int) -> None:
        """Read the rows that the timeline asked for."""
        listing, numbering = self._listing, self._numbering
        if listing is None:
            return
        try:
            rows = await listing.rows(first, last)
        except BaseException:
            self._timeline.unasked(first)
            raise
        if numbering == self._numbering:
            self._timeline.supply(first, rows)

    async def find(self, what: Literal["failed", "alike"], step: int) -> int | None:
        """The row of the next event, or the one before, that reports an error or is of the same type as the one here."""
        listed = self._numbering
        found = await self._find(what, step)
        return found if listed == self._numbering else None  # or the rows are others by now

    async def _find(self, what: Literal["failed", "alike"], step: int) -> int | None:
        timeline, listing = self._timeline, self._listing
        if listing is None or not timeline.count:
            return None
        here = timeline.selected
        if here is None:  # a page that is still on its way
            here = next(iter(await listing.rows(timeline.cursor, timeline.cursor + 1)), None)
        if here is None:  # the run was deleted
            return None
        if isinstance(listing, RunEvents):
            search = self._view.file.failed if what == "failed" else self._view.file.alike
            found = await search(here.position, step)
            return found - 1 if found is not None and found <= timeline.count else None

        def wanted(stored: Stored) -> bool:
            return stored.failed if what == "failed" else stored.event.type == here.event.type

        at = timeline.cursor + step
        while 0 <= at < timeline.count:
            first, last = (at, min(at + PAGED, timeline.count)) if step > 0 else (max(at - PAGED + 1, 0), at + 1)
            rows = await listing.rows(first, last)
            numbers = range(first, first + len(rows))
            hits = [number for number, stored in zip(numbers, rows, strict=True) if wanted(stored)]
            if hits:
                return hits[0] if step > 0 else hits[-1]
            at = last if step > 0 else first - 1
        return None
