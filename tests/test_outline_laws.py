"""The law of the outline: whatever is done to it, its answers are those worked out from scratch."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui.models import branch
from tui.models.outline import Outline, Row


@dataclass(eq=False)
class Entry:
    """What the oracle remembers of a node."""

    key: str
    parent: str | None
    order: int
    tick: int
    expanded: bool


class Oracle:
    """The same forest, with every answer worked out from scratch."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.root: str | None = None

    def children(self, key: str | None) -> list[Entry]:
        found = [entry for entry in self.entries.values() if entry.parent == key]
        return sorted(found, key=lambda entry: (entry.order, entry.tick))

    def beneath(self, key: str | None) -> Iterator[Entry]:
        for child in self.children(key):
            yield child
            yield from self.beneath(child.key)

    def above(self, key: str) -> Iterator[str]:
        while (parent := self.entries[key].parent) is not None:
            yield parent
            key = parent

    def rows(self, max_guides: int) -> list[Row]:
        if self.root is not None:
            return self.rows_of(self.entries[self.root], (), True, max_guides)
        roots = self.children(None)
        return [row for root in roots for row in self.rows_of(root, (), root is roots[-1], max_guides)]

    def rows_of(self, entry: Entry, lines: tuple[bool, ...], last: bool, max_guides: int) -> list[Row]:
        """The rows of a subtree; `lines` says for each ancestor in view whether a sibling follows."""
        children = self.children(entry.key)
        shown = entry.expanded and bool(children)
        hidden = 0 if entry.expanded else len(list(self.beneath(entry.key)))
        guides = lines[1:][-max_guides:] if max_guides else ()
        found = [Row(entry.key, len(lines), guides, last, bool(children), shown, hidden)]
        for child in children if shown else ():
            found += self.rows_of(child, (*lines, not last), child is children[-1], max_guides)
        return found


KEYS = [f"n{number}" for number in range(12)]
some_key = st.sampled_from(KEYS)
some_key_or_none = st.none() | some_key


class AnyUse(RuleBasedStateMachine):
    """Whatever is done to an outline, in whatever order, its answers are those of the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(branch, "WIDE", 2)  # so that small trees have Fenwick trees too
        self.outline = Outline()
        self.oracle = Oracle()
        self.ticks = 0
        self.asked_always = False

    @initialize(asked_always=st.booleans(), corrected=st.booleans())
    def begin(self, asked_always: bool, corrected: bool) -> None:
        """Changes are counted one by one or many at once; Fenwick trees are corrected or made anew."""
        self.asked_always = asked_always
        self.patch.setattr(branch, "MANY", 1 if corrected else branch.MANY)

    def teardown(self) -> None:
        self.patch.undo()

    def knows(self, key: str | None) -> bool:
        return key is None or key in self.oracle.entries

    @rule(key=some_key, parent=some_key_or_none, order=st.integers(0, 6))
    def put(self, key: str, parent: str | None, order: int) -> None:
        if not self.knows(parent):
            with pytest.raises(KeyError):
                self.outline.put(key, parent, order)
            return
        known = self.oracle.entries.get(key)
        if known and parent is not None and key in (parent, *self.oracle.above(parent)):
            with pytest.raises(ValueError, match="contain itself"):
                self.outline.put(key, parent, order)
            return
        self.outline.put(key, parent, order)
        if known is None or (known.parent, known.order) != (parent, order):
            self.ticks += 1
            self.oracle.entries[key] = Entry(key, parent, order, self.ticks, known.expanded if known else True)

    @rule(parent=some_key_or_none)
    def append_all_others(self, parent: str | None) -> None:
        for key in KEYS:
            if self.knows(parent) and not self.knows(key):
                self.put(key, parent, 7)

    @precondition(lambda self: self.oracle.entries)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.oracle.entries)))
        gone = {key, *(entry.key for entry in self.oracle.beneath(key))}
        if self.oracle.root in gone:
            self.oracle.root = self.oracle.entries[key].parent
        self.outline.remove(key)
        for name in gone:
            del self.oracle.entries[name]

    @precondition(lambda self: self.oracle.entries)
    @rule(data=st.data(), how=st.sampled_from(["expand", "collapse", "toggle"]))
    def open_or_close(self, data: st.DataObject, how: str) -> None:
        entry = data.draw(st.sampled_from(list(self.oracle.entries.values())))
        getattr(self.outline, how)(entry.key)
        entry.expanded = not entry.expanded if how == "toggle" else how == "expand"

    @rule(under=some_key_or_none, expanded=st.booleans())
    def open_or_close_all(self, under: str | None, expanded: bool) -> None:
        if self.knows(under):
            (self.outline.expand_all if expanded else self.outline.collapse_all)(under)
            for entry in [*self.oracle.beneath(under), *(self.oracle.entries[key] for key in [under] if key)]:
                entry.expanded = expanded

    @rule(key=some_key)
    def reveal(self, key: str) -> None:
        if self.knows(key):
            self.outline.reveal(key)
            for above in self.oracle.above(key):
                self.oracle.entries[above].expanded = True

    @rule(key=some_key_or_none)
    def focus(self, key: str | None) -> None:
        if self.knows(key):
            self.outline.focus(key)
            self.oracle.root = key

    @rule(start=st.integers(-2, 14), stop=st.integers(-2, 14), max_guides=st.integers(0, 3))
    def some_rows(self, start: int, stop: int, max_guides: int) -> None:
        assert self.outline.rows(start, stop, max_guides) == self.oracle.rows(max_guides)[max(start, 0) : max(stop, 0)]

    @rule()
    def all_rows(self) -> None:
        rows = self.oracle.rows(max_guides=32)
        assert len(self.outline) == len(rows)
        assert self.outline.rows(0, len(rows)) == rows
        assert [self.outline.row(place) for place in range(len(rows))] == rows
        places = {row.key: place for place, row in enumerate(rows)}
        assert {key: self.outline.index(key) for key in self.oracle.entries} == {
            key: places.get(key) for key in self.oracle.entries
        }
        for key in self.oracle.entries:
            assert self.outline.size(key) == 1 + len(list(self.oracle.beneath(key)))

    @precondition(lambda self: self.asked_always)
    @invariant()
    def all_rows_are_right(self) -> None:
        self.all_rows()

    @invariant()
    def forest_is_right(self) -> None:
        assert self.outline.root == self.oracle.root
        assert list(self.outline.descendants(None)) == [entry.key for entry in self.oracle.beneath(None)]
        for key, entry in self.oracle.entries.items():
            siblings = [None, *(sibling.key for sibling in self.oracle.children(entry.parent)), None]
            place = siblings.index(key)
            assert self.outline.parent(key) == entry.parent
            assert self.outline.is_expanded(key) is entry.expanded
            assert list(self.outline.ancestors(key)) == list(self.oracle.above(key))
            assert self.outline.children(key) == [child.key for child in self.oracle.children(key)]
            assert self.outline.previous_sibling(key) == siblings[place - 1]
            assert self.outline.next_sibling(key) == siblings[place + 1]


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(deadline=None, max_examples=150, stateful_step_count=40)
