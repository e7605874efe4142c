"""The outline of a forest: what is shown as which row (the laws are in test_outline_laws.py)."""

import pytest

from tui.models.outline import Outline, Row


def outline(*lines: str, expanded: bool = True) -> Outline:
    """An outline of lines such as "parent/key", in that order."""
    made = Outline(expanded)
    for order, line in enumerate(lines):
        parent, _, key = line.rpartition("/")
        made.put(key, parent or None, order)
    return made


def keys(seen: Outline) -> list[str]:
    return [row.key for row in seen.rows(0, len(seen))]


def picture(seen: Outline) -> list[str]:
    """The rows as a terminal would draw them."""
    return [drawn(row) for row in seen.rows(0, len(seen))]


def drawn(row: Row) -> str:
    guides = "".join("│ " if line else "  " for line in row.guides)
    elbow = "" if row.depth == 0 else "└╴" if row.last else "├╴"
    return guides + elbow + row.key


@pytest.fixture
def book() -> Outline:
    return outline("book", "book/plan", "plan/search", "plan/outline", "book/write", "write/one", "write/two")


def test_rows_are_drawn_with_guides(book: Outline) -> None:
    assert picture(book) == [
        "book",
        "├╴plan",
        "│ ├╴search",
        "│ └╴outline",
        "└╴write",
        "  ├╴one",
        "  └╴two",
    ]


def test_a_collapsed_node_says_how_much_it_hides(book: Outline) -> None:
    book.collapse("plan")
    assert keys(book) == ["book", "plan", "write", "one", "two"]
    assert book.row(1) == Row("plan", 1, (), last=False, expandable=True, expanded=False, hidden=2)
    assert book.row(2) == Row("write", 1, (), last=True, expandable=True, expanded=True, hidden=0)
    assert book.row(3) == Row("one", 2, (False,), last=False, expandable=False, expanded=False, hidden=0)


def test_a_node_opened_again_shows_what_was_open_before(book: Outline) -> None:
    before = keys(book)
    book.collapse("plan")
    book.toggle("book")
    assert keys(book) == ["book"]
    book.toggle("book")
    book.expand("plan")
    assert keys(book) == before


def test_an_index_is_the_row_of_a_node(book: Outline) -> None:
    assert book.index("outline") == 3
    book.collapse("plan")
    assert book.index("outline") is None
    assert book.index("write") == 2


def test_reveal_opens_the_way_to_a_node(book: Outline) -> None:
    book.collapse_all()
    book.reveal("two")
    assert keys(book) == ["book", "plan", "write", "one", "two"]


def test_focus_makes_a_subtree_the_whole(book: Outline) -> None:
    book.focus("write")
    assert book.root == "write"
    assert picture(book) == ["write", "├╴one", "└╴two"]
    assert book.index("two") == 2
    assert book.index("book") is None
    book.focus(None)
    assert len(book) == 7


def test_focus_moves_up_when_its_node_is_removed(book: Outline) -> None:
    book.focus("one")
    book.remove("write")
    assert book.root == "book"
    book.remove("book")
    assert book.root is None
    assert len(book) == 0


def test_a_placeholder_gets_its_parent_later() -> None:
    seen = outline("unheard", "unheard/child", "root")
    seen.put("unheard", "root", 9)
    assert picture(seen) == ["root", "└╴unheard", "  └╴child"]
    assert list(seen.ancestors("child")) == ["unheard", "root"]


def test_a_subtree_moves_before_anyone_asked_how_large_it_is() -> None:
    seen = outline("shallow", "shallow/grown", "deep", "deep/deeper", "deeper/deepest")
    assert len(seen) == 5
    seen.put("new", "grown", 0)
    seen.put("newer", "new", 0)
    seen.put("grown", "deepest", 0)
    assert keys(seen) == ["shallow", "deep", "deeper", "deepest", "grown", "new", "newer"]
    assert (seen.size("deep"), seen.size("shallow")) == (6, 1)


def test_siblings_are_sorted_by_order_then_by_arrival() -> None:
    seen = Outline()
    for key, order in (("c", 5), ("a", 1), ("d", 5), ("b", 3)):
        seen.put(key, None, order)
    assert keys(seen) == ["a", "b", "c", "d"]
    seen.put("a", None, 5)
    assert keys(seen) == ["b", "c", "d", "a"]
    seen.put("c", None, 5)
    assert keys(seen) == ["b", "c", "d", "a"], "putting a node where it is changes nothing"


def test_a_node_cannot_be_put_beneath_itself(book: Outline) -> None:
    before = keys(book)
    with pytest.raises(ValueError, match="'book' beneath 'one'"):
        book.put("book", "one", 0)
    with pytest.raises(ValueError, match="contain itself"):
        book.put("book", "book", 0)
    assert keys(book) == before


def test_what_is_not_there_is_refused(book: Outline) -> None:
    with pytest.raises(KeyError):
        book.put("three", "nobody", 0)
    assert "three" not in book
    with pytest.raises(KeyError):
        book.collapse("nobody")
    with pytest.raises(IndexError, match="no row 7 among 7"):
        book.row(7)
    assert book.rows(5, 99) == book.rows(5, 7)
    assert book.rows(99, 100) == []


def test_new_nodes_may_begin_collapsed() -> None:
    seen = outline("root", "root/child", expanded=False)
    assert keys(seen) == ["root"]
    seen.expand("root")
    assert keys(seen) == ["root", "child"]


def test_a_leaf_collapsed_with_the_rest_stays_closed_when_it_grows(book: Outline) -> None:
    book.collapse_all("write")
    book.put("scene", "two", 0)
    book.expand("write")
    assert keys(book)[-3:] == ["write", "one", "two"]
    assert book.row(6).hidden == 1


def test_guides_show_the_nearest_levels_only() -> None:
    seen = outline("0", "0/1", "0/later", "1/2", "2/3", "3/4")
    assert [row.guides for row in seen.rows(0, 5)] == [(), (), (True,), (True, False), (True, False, False)]
    assert [row.guides for row in seen.rows(0, 5, max_guides=1)] == [(), (), (True,), (False,), (False,)]
    assert seen.row(4, max_guides=0).guides == ()


def test_fifty_thousand_siblings() -> None:
    seen = outline("root", *(f"root/{number}" for number in range(50_000)), "0/deep")
    assert len(seen) == 50_002
    assert seen.row(25_002).key == "25000"
    assert seen.index("25000") == 25_002
    seen.remove("25000")
    seen.put("between", "root", 25_001)
    assert [row.key for row in seen.rows(25_001, 25_004)] == ["24999", "between", "25001"]
    seen.put("newest", "root", 99_999)
    assert seen.index("newest") == len(seen) - 1
    seen.collapse("0")
    assert seen.index("newest") == len(seen) - 1 == 50_001
    assert seen.next_sibling("newest") is None
    assert seen.previous_sibling("newest") == "49999"


def test_a_chain_of_ten_thousand() -> None:
    depth = 10_000
    seen = outline("0", *(f"{above}/{above + 1}" for above in range(depth - 1)))
    bottom = str(depth - 1)
    assert len(seen) == seen.size("0") == depth
    assert seen.row(depth - 1)[:3] == (bottom, depth - 1, (False,) * 32)
    assert seen.index(bottom) == depth - 1
    assert next(seen.ancestors(bottom)) == str(depth - 2)
    with pytest.raises(ValueError, match="contain itself"):
        seen.put("0", bottom, 0)
    seen.collapse_all()
    assert len(seen) == 1
    seen.reveal(bottom)
    assert len(seen) == depth
    assert sum(1 for _ in seen.descendants("0")) == depth - 1
    seen.remove("1")
    assert keys(seen) == ["0"]
