"""Output for terminals that support only ASCII."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from tui.ascii_filter import AsciiFilter

BLACK = Color(0, 0, 0)


def filtered(*texts: str) -> list[str]:
    return [segment.text for segment in AsciiFilter().apply([Segment(text) for text in texts], BLACK)]


def test_lines_in_ascii_are_returned_unchanged() -> None:
    segments = [Segment("a"), Segment("b")]
    assert AsciiFilter().apply(segments, BLACK) is segments


def test_borders_and_ellipses_have_substitutes() -> None:
    assert filtered("┌─┐ … ·", "a → b", "≥ $1.24") == ["+-+ ~ |", "a > b", "> $1.24"]


def test_a_wide_character_is_replaced_cell_by_cell() -> None:
    assert filtered("漢字") == ["????"]


@given(st.text())
def test_every_text_becomes_ascii_of_the_same_width(text: str) -> None:
    (got,) = filtered(text)
    assert got.isascii()
    assert cell_len(got) == cell_len(text)
