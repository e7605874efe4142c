"""The events that the timeline lists: those of a node, of a subtree or of the run that match the filter."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import structs

from store.database.failure_queries import FailureQueries
from store.database.listing import Listing, Matches, NodeEvents, NodeMatches, RunEvents, SubtreeMatches
from store.database.moment import Moment
from store.model.record import Match, Stored
from store.model.state import Node
from tui import format as fmt
from tui.models.event_filter import KINDS
from tui.models.selection import Selection
from tui.models.snapshot import PAGE, EventCursor, EventRows
from tui.text import clean
from tui.theme import BOOKKEEPING, EVENTS

Scope = Literal["node", "subtree", "run"]
SCOPES: tuple[Scope, ...] = ("node", "subtree", "run")

SCOPE_NAMES = {"node": "this task", "subtree": "this task and all beneath", "run": "the run"}

KNOWN_TYPES = f"Types are {', '.join(KINDS)}."
"""Hint for a filter with an unknown type."""

BATCH_EVENTS = 200
"""Number of rows that one query of `find` reads."""


class EventList:
    """The events of one run in the scope and filter that the user asked for, as rows counted from 0."""

    def __init__(self, moment: Moment, tree: Selection) -> None:
        self._moment = moment
        self._tree = tree
        self.scope: Scope = "node"
        self.match = Match()
        """The filter."""
        self.hides = False
        """Whether bookkeeping is hidden, if the filter asks for no types."""
        self._target: int | None = None
        """Position to whose event, or the last one before it, the next reading moves the cursor; None: no target."""
        self._unknown_type = ""
        """Result of `_no_such_type` for the filter."""
        self._listed: tuple[object, ...] = ()
        """Identity of the list that was read last; empty while another one is being read, and after a failed reading."""
        self._listed_scope: Scope = "node"
        self._listing: Listing | None = None
        self._hidden: Listing | None = None
        """List of the hidden events; None: no events are hidden."""
        self._count, self._hidden_count = 0, 0
        """Numbers of rows that are shown, and that are hidden."""
        self._renumberings = 0
        """Number of times that rows were renumbered."""
        self._regroupings = 0
        """Number of times that nodes entered or left the listed subtree."""
        self._nodes = 0
        """Number of nodes of the run when the listed subtree was determined."""

    def widen(self) -> None:
        """Select the next scope."""
        self.scope = SCOPES[(SCOPES.index(self.scope) + 1) % len(SCOPES)]

    def go_to(self, position: int, scope: Scope) -> None:
        """Set the scope and end the filter; the next reading puts the cursor on the last event up to a position."""
        self.scope, self.match = scope, Match()
        self.aim(position)

    def aim(self, position: int) -> None:
        """Let the next reading put the cursor on the last listed event up to a position."""
        self._target, self._listed = position, ()

    def forget(self) -> None:
        """Discard the list of a rebuilt run; the next reading lists it again."""
        self._listed = ()

    def regroup(self, moved: Sequence[int]) -> None:
        """Discard the list of a subtree if one of the moved nodes entered or left it."""
        listing, keys = self._listing, self._moment.shape.keys
        if isinstance(listing, SubtreeMatches) and any(
            keys[node] in listing or any(keys[above] in listing for above in self._tree.ancestors(node)) for node in moved
        ):
            self._regroupings += 1

    @property
    def wanted(self) -> tuple[object, ...]:
        """Identity of the list that the user asks for. Moves of the cursor apply to it, even while it is being read."""
        tree = self._tree
        about = self.scope if self.scope == "run" else (self.scope, tree.selected, tree.execution)
        return about, self.match, self._moment.row.generation, self._hiding, self._regroupings

    @property
    def _hiding(self) -> bool:
        return self.hides and not self.match.types

    @property
    def settled(self) -> bool:
        """Whether the list that was read last is the wanted one."""
        return self._listed == self.wanted

    @property
    def title(self) -> str:
        """What is listed, and how many events."""
        of = SCOPE_NAMES[self._listed_scope]
        if isinstance(self._listing, Matches) and not self._listing.complete:
            looked = f", {self._listing.scanned:.0%} looked through"
        else:
            looked = ""
        matching = (" that matches" if self._count == 1 else " that match") if self.match else ""
        many = fmt.counted(self._count, "event")
        if self._unknown_type and not self._count:
            return f"3 Timeline of {of}: {many}, no such type"
        hidden = f", {fmt.count(self._hidden_count)} hidden" if self._hidden_count else ""
        return f"3 Timeline of {of}: {many}{matching}{hidden}{looked}"

    @property
    def complete(self) -> bool:
        """Whether all events were looked through."""
        return all(listing is None or listing.complete for listing in (self._listing, self._hidden))

    async def read(self, node: Node | None, at_end: bool, cursor: Callable[[], EventCursor]) -> EventRows:
        """The rows at the position of the moment. `at_end`: whether the cursor of a fresh list starts at its end.

        `node`: the selected one. Scans one part of a filtered list, or as many as it takes to find the target, or to find
        the event under the cursor again after the subtree or `hides` changed.
        """
        moment, selected, scope, match, wanted = self._moment, self._tree.selected, self.scope, self.match, self.wanted
        position = moment.end if moment.position is None else moment.position
        fresh = wanted != self._listed
        at = cursor()
        target = self._target
        kept = fresh and wanted[:3] == self._listed[:3] and not (at.following and at_end)
        here = at.event.position if kept and at.event is not None else target if fresh else None
        if fresh:
            self._listed = ()
            self._unknown_type = await self._no_such_type(match)
            self._list_both(scope, match, selected, node, at_end)
        listing = self._listing
        assert listing is not None
        if isinstance(listing, NodeEvents) and node is not None:
            listing.events = node.events
        added = 0
        for one in (self._hidden, listing):
            if not isinstance(one, Matches):
                continue
            one.grow(node.events if isinstance(one, NodeMatches) and node is not None else moment.end)
            if isinstance(one, SubtreeMatches) and not fresh:
                one.add(self._new_beneath(one, last=one is listing))
            added = 0 if one.complete else await one.scan()
            while here is not None and not (one.complete if isinstance(one, NodeMatches) else one.has_scanned(here)):
                added = await one.scan()
        self._renumberings += added > 0
        start, count = moment.run.started or 0.0, listing.count(position)
        self._hidden_count = 0 if self._hidden is None else self._hidden.count(position)
        if not fresh:
            self._count = count
            return EventRows(wanted, count, start, added)
        row = None if here is None else max(await listing.row(here), 0)
        first, last = _first_page(count, at_end, at.pages, row)
        rows = await listing.rows(first, last) if first < last else []
        self._renumberings += 1
        if self._target == target:  # otherwise `aim` was called meanwhile: the next reading goes there
            self._listed, self._target = wanted, None
        self._listed_scope, self._count = scope, count
        return EventRows(
            wanted,
            count,
            start,
            fresh=True,
            at_end=at_end,
            row=row,
            first=first,
            events=rows,
            hint=self._hint(),
        )

    def _hint(self) -> str:
        """Text for an empty list: why it is empty, and what to do."""
        of = SCOPE_NAMES[self.scope]
        if self._unknown_type:
            return f"No event matches: there is no type {clean(self._unknown_type, 30)}.\n\n{KNOWN_TYPES}"
        if self.match:
            wider = "" if self.scope == "run" else "; b widens the scope"
            return f"No event of {of} matches.\n\n\\ changes the filter, and Esc ends it{wider}."
        if self._hidden_count:
            return f"All events of {of} are hidden.\n\nB shows them."
        return f"No event of {of} yet."

    def _list_both(self, scope: Scope, match: Match, selected: int | None, node: Node | None, at_end: bool) -> None:
        """List the events that match, and those of them that are hidden."""
        self._hidden = None
        if self._hiding:
            self._hidden = self._list(scope, structs.replace(match, types=BOOKKEEPING), selected, node, at_end)
            match = structs.replace(match, without=BOOKKEEPING)
        self._listing = self._list(scope, match, selected, node, at_end)

    async def _no_such_type(self, match: Match) -> str:
        """The first type of the filter, if neither treetop nor the file knows any of its types; else empty."""
        types = match.types
        if not types or types & EVENTS.keys() or await self._moment.reader.types(sorted(types)):
            return ""
        return min(types)

    def _list(self, scope: Scope, match: Match, selected: int | None, node: Node | None, at_end: bool) -> Listing:
        moment = self._moment
        if scope == "run" or selected is None or node is None:
            return Matches(moment.queries, match, 1, moment.end, at_end) if match else RunEvents(moment.queries)
        key = moment.shape.keys[selected]
        if scope == "node" and self._tree.execution is None:
            if match:
                return NodeMatches(moment.queries, match, key, node.events, at_end)
            return NodeEvents(moment.queries, key, node.events)
        self._nodes = len(moment.shape)
        numbers = self._tree.beneath(selected)
        keys, born = [moment.shape.keys[number] for number in numbers], moment.shape.born[min(numbers)]
        return SubtreeMatches(moment.queries, match, keys, born, moment.end, at_end)

    def _new_beneath(self, listing: SubtreeMatches, last: bool) -> list[int]:
        """Keys of the nodes that were created in the listed subtree since it was determined.

        `last`: whether `listing` is the last list that gets them.
        """
        keys = self._moment.shape.keys
        found = [
            keys[number]
            for number in range(self._nodes, len(keys))
            if any(keys[above] in listing for above in self._tree.ancestors(number))
        ]
        if last:
            self._nodes = len(keys)
        return found

    @property
    def _numbering(self) -> tuple[object, ...]:
        """Equal as long as rows keep their numbers."""
        return self._listed, self._renumberings

    async def page(self, first: int, last: int) -> Sequence[Stored] | None:
        """The events of some rows; None if rows were renumbered meanwhile."""
        listing, numbering = self._listing, self._numbering
        if listing is None:
            return None
        rows = await listing.rows(first, last)
        return rows if numbering == self._numbering else None

    async def find(self, what: Literal["failed", "alike"], step: int, at: EventCursor) -> int | None:
        """Row of the next event that reports an error, or has the same type as the one under the cursor.

        `step` -1: of the previous one. None: there is none, or rows were renumbered meanwhile.
        """
        numbering = self._numbering
        found = await self._find(what, step, at)
        return found if numbering == self._numbering else None

    async def place(self, row: int) -> str:
        """Number of an event among the errors of the list, including those after the position: `2 of 5`.

        Empty in a filtered list and in that of a subtree.
        """
        listing = self._listing
        if listing is None or self.match or isinstance(listing, SubtreeMatches):
            return ""
        found = await listing.rows(row, row + 1)
        if not found:
            return ""
        return await self.place_at(
            found[0].position, found[0].node if isinstance(listing, NodeEvents | NodeMatches) else None
        )

    async def place_at(self, position: int, node: int | None = None) -> str:
        """Like `place`, for the event at a position among the errors of the run, or of a node."""
        moment = self._moment
        place, count = await FailureQueries(moment.reader, moment.queries.key).reported(position, moment.end, node)
        return f"{place:,} of {count:,}"

    async def _find(self, what: Literal["failed", "alike"], step: int, cursor: EventCursor) -> int | None:
        listing, count = self._listing, self._count
        if listing is None or not count:
            return None
        here = cursor.event or next(iter(await listing.rows(cursor.row, cursor.row + 1)), None)
        if here is None:  # the run was deleted
            return None
        if isinstance(listing, RunEvents) or (type(listing) is Matches and not self.match and listing.complete):
            search = self._moment.queries.failed if what == "failed" else self._moment.queries.alike
            found = await search(here.position, step)
            at = count if found is None else await listing.row(found)
            return at if at < count else None

        def wanted(stored: Stored) -> bool:
            return stored.failed if what == "failed" else stored.event.type == here.event.type

        at = cursor.row + step
        while 0 <= at < count:
            first, last = (at, min(at + BATCH_EVENTS, count)) if step > 0 else (max(at - BATCH_EVENTS + 1, 0), at + 1)
            rows = await listing.rows(first, last)
            numbers = range(first, first + len(rows))
            hits = [number for number, stored in zip(numbers, rows, strict=True) if wanted(stored)]
            if hits:
                return hits[0] if step > 0 else hits[-1]
            at = last if step > 0 else first - 1
        return None


def _first_page(count: int, at_end: bool, pages: int, row: int | None) -> tuple[int, int]:
    """First row, and row after the last, of the pages that a fresh list shows first. `row`: the cursor is put there."""
    if row is not None:
        return max(row // PAGE - pages, 0) * PAGE, (row // PAGE + 1 + pages) * PAGE
    last = -(-count // PAGE)
    return (max(last - 1 - pages, 0) * PAGE, last * PAGE) if at_end else (0, pages * PAGE)
