"""What a terminal with ASCII only gets."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from tui.ascii_filter import AsciiFilter

BLACK = Color(0, 0, 0)


def filtered(*texts: str) -> list[str]:
    return [segment.text for segment in AsciiFilter().apply([Segment(text) for text in texts], BLACK)]


def test_lines_of_ascii_are_left_alone() -> None:
    segments = [Segment("a"), Segment("b")]
    assert AsciiFilter().apply(segments, BLACK) is segments


def test_borders_and_ellipses_have_stand_ins() -> None:
    assert filtered("┌─┐ … ·", "a → b") == ["+-+ ~ |", "a > b"]


def test_wide_characters_keep_their_cells() -> None:
    assert filtered("漢字") == ["????"]


@given(st.text())
def test_everything_becomes_ascii_of_the_same_width(text: str) -> None:
    (got,) = filtered(text)
    assert got.isascii()
    assert cell_len(got) == cell_len(text)
