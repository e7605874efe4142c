"""Cells of a table are exactly as wide as their column, for every text."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.models.columns import Cell, Column, clip, fit, pad
from tui.text import clean

texts = st.text(st.sampled_from("ab 東🚀é\u0301…"), max_size=20).map(clean)
widths = st.integers(0, 30)
mores = st.sampled_from(["…", "..."])


class TestPad:
    """One text padded or cut to the width of a column."""

    @given(texts, widths, st.booleans(), mores)
    def test_the_result_has_the_requested_width(self, text: str, width: int, right: bool, more: str) -> None:
        assert cell_len(pad(text, width, right, more)) == width

    def test_a_short_text_is_padded(self) -> None:
        assert pad("12", 4) == "12  "

    def test_numbers_are_aligned_to_the_right(self) -> None:
        assert pad("12", 4, right=True) == "  12"

    def test_a_long_text_ends_in_an_ellipsis(self) -> None:
        assert pad("abcdef", 4) == "abc…"

    def test_the_ellipsis_can_be_ascii(self) -> None:
        assert pad("abcdef", 4, more="...") == "a..."

    def test_a_wide_character_is_not_split(self) -> None:
        assert pad("東京都", 4) == "東 …"


class TestClip:
    """Several texts in different roles in one column."""

    @given(st.lists(texts, max_size=4), widths, st.lists(st.sampled_from([" !2", " +1234", "東"]), max_size=3), mores)
    def test_the_result_has_the_requested_width(self, parts: list[str], width: int, tails: list[str], more: str) -> None:
        cells = clip([Cell(part) for part in parts], width, [Cell(tail) for tail in tails], more)
        assert cell_len("".join(cell.text for cell in cells)) == width

    @given(st.lists(texts, max_size=4), st.integers(6, 30))
    def test_tails_are_kept_whole(self, parts: list[str], width: int) -> None:
        tails = [Cell(" !2", "failed"), Cell(" +9", "muted")]
        cells = clip([Cell(part) for part in parts], width, tails)
        assert [cell for cell in cells if cell in tails] == tails

    def test_the_text_before_the_tails_is_cut(self) -> None:
        assert clip([Cell("abcdef"), Cell("gh")], 7, [Cell(" !2")]) == [Cell("abc…"), Cell(" !2"), Cell("")]


class TestFit:
    """The columns that fit a width."""

    COLUMNS = (
        Column("mark", "", 1),
        Column("goal", "GOAL", 0),
        Column("time", "TIME", 7),
        Column("size", "SIZE", 6, needs=40),
    )

    def test_a_wide_table_shows_all_columns(self) -> None:
        assert [column.name for column, _ in fit(self.COLUMNS, 40)] == ["mark", "goal", "time", "size"]

    def test_a_narrow_table_omits_columns_that_need_more_width(self) -> None:
        assert [column.name for column, _ in fit(self.COLUMNS, 39)] == ["mark", "goal", "time"]

    @given(st.integers(14, 200))
    def test_the_columns_fill_the_table(self, width: int) -> None:
        assert sum(size + 1 for _, size in fit(self.COLUMNS, width)) == width
