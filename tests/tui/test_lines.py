"""Text of many lines, wrapped to a width."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.models.columns import Cell
from tui.models.lines import Line, fact, line, prose, wrap
from tui.text import clean

words = st.text(st.sampled_from("abc東🚀é   "), max_size=60).map(clean)
styled = st.lists(st.tuples(words, st.sampled_from(["text", "faint"])).map(lambda made: Cell(*made)), max_size=4)


def plain(text: str, width: int, hang: int = 0) -> list[str]:
    return ["".join(cell.text for cell in cells).rstrip() for cells in wrap([line(text, hang=hang)], width)]


class TestWrap:
    """Lines that are too long go on in the next."""

    @settings(deadline=None)
    @given(styled, st.integers(4, 40), st.integers(0, 30))
    def test_every_character_is_kept_in_its_role(self, cells: list[Cell], width: int, hang: int) -> None:
        wrapped = wrap([Line(tuple(cells), hang)], width)
        drawn = [cell for number, found in enumerate(wrapped) for cell in found[(number > 0) & (hang > 0) :]]
        for role in ("text", "faint"):
            kept = "".join(cell.text for cell in drawn if cell.role == role)
            assert kept == "".join(cell.text for cell in cells if cell.role == role)

    @settings(deadline=None)
    @given(styled, st.integers(4, 40), st.integers(0, 30))
    def test_no_line_is_too_wide(self, cells: list[Cell], width: int, hang: int) -> None:
        for found in wrap([Line(tuple(cells), hang)], width):
            assert cell_len("".join(cell.text for cell in found).rstrip(" ")) <= width

    def test_lines_break_between_words(self) -> None:
        assert plain("the quick brown fox", 10) == ["the quick", "brown fox"]

    def test_what_follows_hangs_under_what_it_belongs_to(self) -> None:
        assert plain("- the quick brown fox", 12, hang=2) == ["- the quick", "  brown fox"]

    def test_words_wider_than_the_pane_are_cut(self) -> None:
        assert plain("abcdefghij kl", 4) == ["abcd", "efgh", "ij", "kl"]

    def test_wide_characters_are_not_cut_in_half(self) -> None:
        assert plain("東京都の天気", 5) == ["東京", "都の", "天気"]

    def test_an_empty_line_stays_a_line(self) -> None:
        assert wrap([Line()], 10) == [()]


class TestProse:
    """What somebody wrote."""

    def test_thoughts_are_faint(self) -> None:
        roles = [part.cells[0].role for part in prose("<think>\nhm\n</think>\nYes.")]
        assert roles == ["faint", "faint", "faint", "text"]

    def test_headings_are_strong(self) -> None:
        assert prose("# Title")[0].cells[0].role == "strong"

    def test_items_of_lists_hang(self) -> None:
        assert [part.hang for part in prose("- item\n12. item\ntext")] == [2, 4, 0]

    def test_no_control_character_comes_through(self) -> None:
        assert prose("\x1b]2;owned\x07")[0].cells[0].text == "␛]2;owned␇"

    def test_a_fact_hangs_beside_its_label(self) -> None:
        assert fact("status", "READY") == Line((Cell("status     ", "muted"), Cell("READY", "text")), 11)
