"""After any sequence of changes, an outline returns the same as a computation from scratch."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui.models import tally
from tui.models.outline import Outline
from tui.models.outline_row import Row


class Oracle:
    """The same forest, with every result computed from scratch."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.expanded: list[bool] = []
        self.horizon = 0
        self.root = -1
        self.orders: dict[int, list[int]] = {}

    def append(self, parents: list[int]) -> None:
        if self.horizon == len(self.parents):
            self.horizon += len(parents)
            for parent in parents:
                self.orders.pop(parent, None)
        self.parents += parents
        self.expanded += [True] * len(parents)

    def children(self, node: int) -> list[int]:
        created = [child for child in range(self.horizon) if self.parents[child] == node]
        return self.orders.get(node, created)

    def beneath(self, node: int) -> Iterator[int]:
        for child in self.children(node):
            yield child
            yield from self.beneath(child)

    def above(self, node: int) -> Iterator[int]:
        while (node := self.parents[node]) != -1:
            yield node

    def scope(self) -> list[int]:
        return [*([] if self.root == -1 else [self.root]), *self.beneath(self.root)]

    def rows(self, max_guides: int) -> list[Row]:
        if self.root != -1:
            return self.rows_of(self.root, (), True, max_guides)
        roots = self.children(-1)
        return [row for root in roots for row in self.rows_of(root, (), root == roots[-1], max_guides)]

    def rows_of(self, node: int, lines: tuple[bool, ...], last: bool, max_guides: int) -> list[Row]:
        """The rows of a subtree; `lines`: whether each ancestor in view has a next sibling."""
        children = self.children(node)
        shown = self.expanded[node] and bool(children)
        hidden = 0 if self.expanded[node] else len(list(self.beneath(node)))
        guides = lines[1:][-max_guides:] if max_guides else ()
        found = [Row(node, len(lines), guides, last, bool(children), shown, hidden)]
        for child in children if shown else ():
            found += self.rows_of(child, (*lines, not last), child == children[-1], max_guides)
        return found


def contains_itself(parents: list[int]) -> bool:
    """Whether the parents of some node form a cycle."""
    for start in range(len(parents)):
        node = start
        for _ in parents:
            node = parents[node] if node != -1 else -1
        if node != -1:
            return True
    return False


@st.composite
def some_parents(draw: st.DrawFn) -> list[int]:
    """The parents of up to 12 nodes. A parent may have a higher number than its child."""
    count = draw(st.integers(0, 12))
    parents = draw(
        st.lists(st.integers(-1, min(1, count - 1)) | st.integers(-1, count - 1), min_size=count, max_size=count)
    )
    for node, parent in enumerate(parents):
        if contains_itself(parents):
            parents[node] = min(parent, node - 1)
    return parents


class AnyChanges(RuleBasedStateMachine):
    """Any sequence of changes leaves the outline equal to the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(tally, "SCAN_MAX_CHILDREN", 2)  # so that small trees have Fenwick trees too
        self.outline = Outline()
        self.oracle = Oracle()
        self.asked_always = False

    @initialize(
        parents=some_parents(), asked_always=st.booleans(), min_steps=st.sampled_from([0, 3, tally.PROPAGATION_MIN_STEPS])
    )
    def begin(self, parents: list[int], asked_always: bool, min_steps: int) -> None:
        """Vary whether changes are propagated or all is recounted, and whether Fenwick trees are updated or rebuilt."""
        self.asked_always = asked_always
        self.patch.setattr(tally, "PROPAGATION_MIN_STEPS", min_steps)
        self.outline.load(parents)
        self.oracle.append(parents)

    def teardown(self) -> None:
        self.patch.undo()

    @property
    def total(self) -> int:
        return len(self.oracle.parents)

    def some_node(self, data: st.DataObject, least: int = 0) -> int:
        """A node; often one of the first, so that some nodes are wide."""
        return data.draw(st.integers(least, min(1, self.total - 1)) | st.integers(least, self.total - 1))

    # Changes

    @rule(data=st.data(), count=st.integers(0, 4), together=st.booleans())
    def append(self, data: st.DataObject, count: int, together: bool) -> None:
        parent = st.just(self.some_node(data, -1)) if together else st.integers(-1, self.total + count - 1)
        parents = data.draw(st.lists(parent, min_size=count, max_size=count))
        if contains_itself([*self.oracle.parents, *parents]):
            with pytest.raises(ValueError, match="contain itself"):
                self.outline.append(parents)
            return
        self.outline.append(parents)
        self.oracle.append(parents)

    @rule(again=st.just([]) | some_parents())
    def load(self, again: list[int]) -> None:
        """Load the same nodes again, or others. All are expanded and in view then."""
        parents = again or list(self.oracle.parents)
        self.outline.load(parents)
        self.oracle = Oracle()
        self.oracle.append(parents)

    @precondition(lambda self: self.total)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        node, parent = self.some_node(data), self.some_node(data, -1)
        moved = list(self.oracle.parents)
        before, moved[node] = moved[node], parent
        if contains_itself(moved):
            with pytest.raises(ValueError, match="contain itself"):
                self.outline.move(node, parent)
            return
        self.outline.move(node, parent)
        self.oracle.parents = moved
        for other in (before, parent) if before != parent else ():
            self.oracle.orders.pop(other, None)

    @rule(data=st.data())
    def set_horizon(self, data: st.DataObject) -> None:
        before, self.oracle.horizon = self.oracle.horizon, data.draw(st.integers(0, self.total))
        for node in range(min(before, self.oracle.horizon), max(before, self.oracle.horizon)):
            self.oracle.orders.pop(self.oracle.parents[node], None)
        self.outline.set_horizon(self.oracle.horizon)
        while self.oracle.root >= self.oracle.horizon:
            self.oracle.root = self.oracle.parents[self.oracle.root]

    @precondition(lambda self: self.total)
    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        node = self.some_node(data, -1)
        children = data.draw(st.permutations(self.oracle.children(node)))
        self.outline.order(node, children)
        self.oracle.orders[node] = children

    @rule()
    def order_by_creation(self) -> None:
        self.outline.order_by_creation()
        self.oracle.orders.clear()

    @precondition(lambda self: self.total)
    @rule(data=st.data(), how=st.sampled_from(["expand", "collapse", "toggle"]))
    def expand_or_collapse(self, data: st.DataObject, how: str) -> None:
        node = self.some_node(data)
        getattr(self.outline, how)(node)
        self.oracle.expanded[node] = not self.oracle.expanded[node] if how == "toggle" else how == "expand"

    @rule(data=st.data(), expanded=st.booleans())
    def expand_or_collapse_all(self, data: st.DataObject, expanded: bool) -> None:
        under = self.some_node(data, -1)
        (self.outline.expand_all if expanded else self.outline.collapse_all)(under)
        for node in range(self.oracle.horizon) if under == -1 else [under, *self.oracle.beneath(under)]:
            self.oracle.expanded[node] = expanded

    @precondition(lambda self: self.total)
    @rule(data=st.data())
    def reveal(self, data: st.DataObject) -> None:
        node = self.some_node(data)
        self.outline.reveal(node)
        for above in self.oracle.above(node):
            self.oracle.expanded[above] = True

    @rule(data=st.data())
    def focus(self, data: st.DataObject) -> None:
        node = data.draw(st.integers(-1, self.oracle.horizon - 1))
        self.outline.focus(node)
        self.oracle.root = node

    # Results

    @rule(start=st.integers(-2, 14), stop=st.integers(-2, 14), max_guides=st.integers(0, 3))
    def some_rows(self, start: int, stop: int, max_guides: int) -> None:
        assert self.outline.rows(start, stop, max_guides) == self.oracle.rows(max_guides)[max(start, 0) : max(stop, 0)]

    @rule()
    def all_rows(self) -> None:
        rows = self.oracle.rows(max_guides=32)
        assert len(self.outline) == len(rows)
        assert self.outline.rows(0, len(rows)) == rows
        assert [self.outline.row(place) for place in range(len(rows))] == rows
        places = {row.node: place for place, row in enumerate(rows)}
        assert [self.outline.index(node) for node in range(self.total)] == list(map(places.get, range(self.total)))

    @rule(data=st.data(), step=st.sampled_from([1, -1]))
    def following(self, data: st.DataObject, step: int) -> None:
        node = data.draw(st.none() | st.integers(-1, self.total - 1))
        order = self.oracle.scope()[::step]
        start = order.index(node) + 1 if node in order else 0
        assert list(self.outline.following(node, step)) == order[start:] + order[:start]

    @precondition(lambda self: self.asked_always)
    @invariant()
    def all_rows_are_equal(self) -> None:
        """Looking up rows builds the Fenwick trees, which later changes must update."""
        self.all_rows()

    @invariant()
    def forest_is_equal(self) -> None:
        assert (self.outline.total, self.outline.horizon) == (self.total, self.oracle.horizon)
        assert self.outline.root == (None if self.oracle.root == -1 else self.oracle.root)
        assert list(self.outline.descendants(-1)) == list(self.oracle.beneath(-1))
        assert self.outline.size(-1) == len(list(self.oracle.beneath(-1)))
        for node in range(self.total):
            assert (node in self.outline) is (node < self.oracle.horizon)
            assert self.outline.parent(node) == self.oracle.parents[node]
            assert self.outline.is_expanded(node) is self.oracle.expanded[node]
            assert list(self.outline.ancestors(node)) == list(self.oracle.above(node))
        for node in range(self.oracle.horizon):
            siblings = [None, *self.oracle.children(self.oracle.parents[node]), None]
            place = siblings.index(node)
            assert list(self.outline.children(node)) == self.oracle.children(node)
            assert self.outline.size(node) == 1 + len(list(self.oracle.beneath(node)))
            assert self.outline.previous_sibling(node) == siblings[place - 1]
            assert self.outline.next_sibling(node) == siblings[place + 1]


TestAnyChanges = AnyChanges.TestCase
TestAnyChanges.settings = settings(deadline=None, max_examples=150, stateful_step_count=40)
