"""The rows of an outline by example. Its laws are in test_outline_laws.py."""

from collections.abc import Sequence
from itertools import islice

import pytest

from tui.models.outline import Outline
from tui.models.outline_row import Row

BOOK, PLAN, WRITE, SEARCH, OUTLINE, ONE, TWO = range(7)


def outline(parents: Sequence[int]) -> Outline:
    made = Outline()
    made.load(parents)
    return made


def nodes(seen: Outline) -> list[int]:
    return [row.node for row in seen.rows(0, len(seen))]


def picture(seen: Outline) -> list[str]:
    """The rows as the tree draws them."""
    return [drawn(row) for row in seen.rows(0, len(seen))]


def drawn(row: Row) -> str:
    guides = "".join("│ " if line else "  " for line in row.guides)
    elbow = "" if row.depth == 0 else "└╴" if row.last else "├╴"
    return f"{guides}{elbow}{row.node}"


@pytest.fixture
def book() -> Outline:
    return outline([-1, BOOK, BOOK, PLAN, PLAN, WRITE, WRITE])


# Rows


def test_rows_are_drawn_with_guides(book: Outline) -> None:
    assert picture(book) == [
        "0",
        "├╴1",
        "│ ├╴3",
        "│ └╴4",
        "└╴2",
        "  ├╴5",
        "  └╴6",
    ]


def test_a_collapsed_node_has_the_number_of_hidden_nodes(book: Outline) -> None:
    book.collapse(PLAN)
    assert nodes(book) == [BOOK, PLAN, WRITE, ONE, TWO]
    assert book.row(1) == Row(PLAN, 1, (), last=False, expandable=True, expanded=False, hidden=2)
    assert book.row(2) == Row(WRITE, 1, (), last=True, expandable=True, expanded=True, hidden=0)
    assert book.row(3) == Row(ONE, 2, (False,), last=False, expandable=False, expanded=False, hidden=0)


def test_a_node_expanded_again_shows_the_same_rows(book: Outline) -> None:
    before = nodes(book)
    book.collapse(PLAN)
    book.toggle(BOOK)
    assert nodes(book) == [BOOK]
    book.toggle(BOOK)
    book.expand(PLAN)
    assert nodes(book) == before


def test_the_index_of_a_node_is_its_row(book: Outline) -> None:
    assert book.index(OUTLINE) == 3
    book.collapse(PLAN)
    assert book.index(OUTLINE) is None
    assert book.index(WRITE) == 2


def test_reveal_expands_the_ancestors_of_a_node(book: Outline) -> None:
    book.collapse_all()
    book.reveal(TWO)
    assert nodes(book) == [BOOK, PLAN, WRITE, ONE, TWO]


def test_guides_are_limited_to_the_nearest_levels() -> None:
    seen = outline([-1, 0, 0, 1, 3, 4])
    assert [row.guides for row in seen.rows(0, 5)] == [(), (), (True,), (True, False), (True, False, False)]
    assert [row.guides for row in seen.rows(0, 5, max_guides=1)] == [(), (), (True,), (False,), (False,)]
    assert seen.row(4, max_guides=0).guides == ()


def test_rows_out_of_range_are_refused_or_omitted(book: Outline) -> None:
    with pytest.raises(IndexError, match="no row 7 among 7"):
        book.row(7)
    assert book.rows(5, 99) == book.rows(5, 7)
    assert book.rows(99, 100) == []


# The focus


def test_a_focus_narrows_the_rows_to_a_subtree(book: Outline) -> None:
    book.focus(WRITE)
    assert book.root == WRITE
    assert picture(book) == ["2", "├╴5", "└╴6"]
    assert book.index(TWO) == 2
    assert book.index(BOOK) is None
    book.focus(None)
    assert len(book) == 7


def test_following_wraps_around_and_ends_with_the_node_itself(book: Outline) -> None:
    book.collapse(PLAN)
    assert list(book.following(OUTLINE)) == [WRITE, ONE, TWO, BOOK, PLAN, SEARCH, OUTLINE]
    assert list(book.following(OUTLINE, -1)) == [SEARCH, PLAN, BOOK, TWO, ONE, WRITE, OUTLINE]
    book.focus(WRITE)
    assert list(book.following(ONE)) == [TWO, WRITE, ONE]
    assert list(book.following(WRITE, -1)) == [TWO, ONE, WRITE]
    assert list(book.following(OUTLINE)) == [WRITE, ONE, TWO], "from the first node, as the given node is out of focus"
    assert list(book.following(None, -1)) == [TWO, ONE, WRITE]


# Growth


def test_new_nodes_appear_beneath_their_parents(book: Outline) -> None:
    book.append([ONE, PLAN, -1])
    assert picture(book) == ["0", "├╴1", "│ ├╴3", "│ ├╴4", "│ └╴8", "└╴2", "  ├╴5", "  │ └╴7", "  └╴6", "9"]


def test_a_node_can_precede_its_parent() -> None:
    seen = outline([-1, 2, 0, 4, 2])
    assert picture(seen) == ["0", "└╴2", "  ├╴1", "  └╴4", "    └╴3"]
    seen.append([6, 3])
    assert picture(seen)[-2:] == ["      └╴6", "        └╴5"]


def test_a_placeholder_moves_to_its_parent() -> None:
    seen = outline([-1, 0, -1])
    seen.move(0, 2)
    assert picture(seen) == ["2", "└╴0", "  └╴1"]
    assert list(seen.ancestors(1)) == [0, 2]
    seen.move(0, -1)
    assert picture(seen) == ["0", "└╴1", "2"]


def test_a_subtree_moves_with_its_new_nodes() -> None:
    seen = outline([-1, 0, -1, 2, 3])
    seen.append([1, 5])
    seen.move(1, 4)
    assert nodes(seen) == [0, 2, 3, 4, 1, 5, 6]
    assert (seen.size(2), seen.size(0), seen.size(-1)) == (6, 1, 7)


def test_a_collapsed_leaf_stays_collapsed_when_it_gets_a_child(book: Outline) -> None:
    book.collapse_all(WRITE)
    book.append([TWO])
    book.expand(WRITE)
    assert nodes(book)[-3:] == [WRITE, ONE, TWO]
    assert book.row(6).hidden == 1


def test_a_node_cannot_contain_itself(book: Outline) -> None:
    before = nodes(book)
    with pytest.raises(ValueError, match="node 0 cannot be in node 5: it would contain itself"):
        book.move(BOOK, ONE)
    with pytest.raises(ValueError, match="contain itself"):
        book.move(BOOK, BOOK)
    with pytest.raises(ValueError, match="contain itself"):
        book.append([BOOK, 9, 8])
    assert nodes(book) == before
    with pytest.raises(ValueError, match="contain itself"):
        book.load([-1, 1])
    assert len(book) == book.total == 0


def test_nodes_that_do_not_exist_are_refused(book: Outline) -> None:
    for parents in ([8], [-2], [0, 99]):
        with pytest.raises(ValueError, match="a parent must be a node"):
            book.append(parents)
    assert book.total == 7
    with pytest.raises(ValueError, match="there are 7 nodes"):
        book.set_horizon(8)
    with pytest.raises(IndexError, match="no node 7 among 7"):
        book.collapse(7)
    with pytest.raises(IndexError, match="no node -1 among 7"):
        book.toggle(-1)
    with pytest.raises(IndexError, match="no node 7 among 7"):
        book.focus(7)


# Time


def test_nodes_beyond_the_horizon_do_not_exist(book: Outline) -> None:
    book.set_horizon(4)
    assert picture(book) == ["0", "├╴1", "│ └╴3", "└╴2"]
    assert not book.row(3).expandable
    assert (book.size(PLAN), book.children(PLAN), book.next_sibling(SEARCH)) == (2, [SEARCH], None)
    assert OUTLINE not in book
    assert book.index(OUTLINE) is None
    assert list(book.descendants(-1)) == [BOOK, PLAN, SEARCH, WRITE]
    book.set_horizon(7)
    assert len(book) == 7


def test_growth_does_not_change_the_past(book: Outline) -> None:
    book.set_horizon(4)
    before = picture(book)
    book.append([SEARCH, -1])
    assert (picture(book), book.horizon, book.total) == (before, 4, 9)
    book.set_horizon(9)
    assert nodes(book) == [BOOK, PLAN, SEARCH, 7, OUTLINE, WRITE, ONE, TWO, 8]
    book.append([8])
    assert book.horizon == 10


def test_the_focus_moves_to_an_existing_ancestor(book: Outline) -> None:
    book.focus(TWO)
    book.set_horizon(3)
    assert book.root == WRITE
    book.set_horizon(0)
    assert book.root is None
    assert len(book) == 0


def test_a_collapsed_node_beyond_the_horizon_stays_collapsed(book: Outline) -> None:
    book.collapse(WRITE)
    book.set_horizon(2)
    book.set_horizon(7)
    assert nodes(book) == [BOOK, PLAN, SEARCH, OUTLINE, WRITE]


def test_children_of_nodes_beyond_the_horizon_are_not_shown() -> None:
    seen = outline([-1, 3, 1, 0])
    seen.set_horizon(3)
    assert nodes(seen) == [0]
    assert seen.index(2) is None
    seen.set_horizon(4)
    assert nodes(seen) == [0, 3, 1, 2]


# Extremes


def test_fifty_thousand_siblings() -> None:
    seen = outline([-1, *([0] * 50_000), 1])
    assert len(seen) == 50_002
    assert seen.row(25_002).node == 25_001
    assert seen.index(25_001) == 25_002
    seen.move(25_001, 1)
    assert [row.node for row in seen.rows(25_002, 25_005)] == [25_000, 25_002, 25_003]
    seen.append([0])
    assert seen.index(50_002) == len(seen) - 1
    seen.collapse(1)
    assert seen.index(50_002) == len(seen) - 1 == 50_000
    assert seen.next_sibling(50_002) is None
    assert seen.previous_sibling(50_002) == 50_000
    seen.set_horizon(40_000)
    assert seen.row(len(seen) - 1).last
    assert list(islice(seen.following(1), 2)) == [25_001, 2]


def test_roots_become_the_last_of_many_siblings() -> None:
    seen = outline([-1, *([0] * 100), -1, -1, -1])
    assert seen.row(50).node == 50, "the lookup builds the sums that the moves must update"
    for moved in (101, 102, 103):
        seen.move(moved, 0)
    assert [seen.row(row).node for row in range(104)] == list(range(104))
    assert [seen.index(node) for node in range(104)] == list(range(104))


def test_a_chain_of_ten_thousand_nodes() -> None:
    depth = 10_000
    seen = outline(range(-1, depth - 1))
    bottom = depth - 1
    assert len(seen) == seen.size(0) == depth
    assert seen.row(depth - 1)[:3] == (bottom, depth - 1, (False,) * 32)
    assert seen.index(bottom) == depth - 1
    assert next(seen.ancestors(bottom)) == depth - 2
    with pytest.raises(ValueError, match="contain itself"):
        seen.move(0, bottom)
    seen.collapse_all()
    assert len(seen) == 1
    seen.reveal(bottom)
    assert len(seen) == depth
    assert sum(1 for _ in seen.descendants(0)) == depth - 1
    assert next(seen.following(bottom)) == 0
    assert next(seen.following(0, -1)) == bottom
    seen.move(1, -1)
    assert (seen.size(0), seen.size(1)) == (1, depth - 1)
