"""Lines of text wrapped to a width."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.models.columns import Cell
from tui.models.lines import Line, fact, line, prose, wrap

words = st.text(st.sampled_from("abc東🚀é   "), max_size=60)
styled = st.lists(st.tuples(words, st.sampled_from(["text", "faint"])).map(lambda made: Cell(*made)), max_size=4)


def plain(text: str, width: int, hang: int = 0) -> list[str]:
    return ["".join(cell.text for cell in cells).rstrip() for cells in wrap([line(text, hang=hang)], width)]


class TestWrap:
    """A line longer than the width continues in the next line."""

    @settings(deadline=None)
    @given(styled, st.integers(4, 40), st.integers(0, 30))
    def test_every_character_keeps_its_role_except_spaces_at_line_breaks(
        self, cells: list[Cell], width: int, hang: int
    ) -> None:
        wrapped = wrap([Line(tuple(cells), hang)], width)
        drawn = [found[(number > 0) & (hang > 0) :] for number, found in enumerate(wrapped)]
        left = [(character, cell.role) for cell in cells for character in cell.text]
        for found in drawn:
            kept = [(character, cell.role) for cell in found for character in cell.text]
            assert left[: len(kept)] == kept
            left = left[len(kept) :]
            while left and left[0][0] == " " and cell_len("".join(cell.text for cell in cells)) > width:
                left.pop(0)
        assert left == []

    @settings(deadline=None)
    @given(styled, st.integers(4, 40), st.integers(0, 30))
    def test_no_line_is_wider_than_the_width(self, cells: list[Cell], width: int, hang: int) -> None:
        for found in wrap([Line(tuple(cells), hang)], width):
            assert cell_len("".join(cell.text for cell in found)) <= width

    def test_lines_break_between_words(self) -> None:
        assert plain("the quick brown fox", 10) == ["the quick", "brown fox"]

    def test_continuation_lines_are_indented(self) -> None:
        assert plain("- the quick brown fox", 12, hang=2) == ["- the quick", "  brown fox"]

    def test_spaces_beyond_the_width_are_omitted(self) -> None:
        assert wrap([line("word" + " " * 20)], 10) == [(Cell("word", "text"),)]
        assert wrap([line(" " * 20)], 10) == [()]

    def test_a_word_wider_than_the_pane_is_split(self) -> None:
        assert plain("abcdefghij kl", 4) == ["abcd", "efgh", "ij", "kl"]

    def test_a_wide_character_is_not_split(self) -> None:
        assert plain("東京都の天気", 5) == ["東京", "都の", "天気"]

    def test_an_empty_line_is_kept(self) -> None:
        assert wrap([Line()], 10) == [()]


class TestProse:
    """Texts of agents."""

    def test_text_in_think_tags_is_faint(self) -> None:
        roles = [part.cells[0].role for part in prose("<think>\nhm\n</think>\nYes.")]
        assert roles == ["faint", "faint", "faint", "text"]

    def test_headings_are_strong(self) -> None:
        assert prose("# Title")[0].cells[0].role == "strong"

    def test_continuation_lines_of_list_items_are_indented(self) -> None:
        assert [part.hang for part in prose("- item\n12. item\ntext")] == [2, 4, 0]

    def test_control_characters_are_replaced(self) -> None:
        assert prose("\x1b]2;owned\x07")[0].cells[0].text == "␛]2;owned␇"

    def test_a_long_fact_is_indented_beside_its_label(self) -> None:
        assert fact("status", "READY") == Line((Cell("status     ", "muted"), Cell("READY", "text")), 11)
