"""No control character reaches the terminal, whichever widget draws it."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widgets import DataTable, Label, Static

from tui.control_filter import ControlFilter

BLACK = Color(0, 0, 0)
UNSAFE = "\x00\t\n\x1b\x7f\x85\x9b\u061c\u200d\u200e\u2028\u202e\u2066\ufe0f\ud800"
HOSTILE = "a\x1b]2;owned\x1b\\\x9b2J\x00\x7f\u202eb"


def filtered(*segments: Segment) -> list[Segment]:
    return ControlFilter().apply(list(segments), BLACK)


def is_safe(text: str) -> bool:
    return not any(
        ord(character) < 32 or character in UNSAFE.replace("\u200d", "").replace("\ufe0f", "") for character in text
    )


def test_clean_lines_are_returned_unchanged() -> None:
    line = [
        Segment("├╴", Style(bold=True)),
        Segment("東京 🚀 \ue0b0 10\u00a0000 ❤\ufe0f"),
        Segment(" ", Style(link="https://a/b")),
    ]
    assert ControlFilter().apply(line, BLACK) is line


def test_controls_are_deleted_and_styles_are_kept() -> None:
    style = Style(bold=True)
    assert filtered(Segment("ok"), Segment("\x1b[31mred\x07\u202e", style)) == [
        Segment("ok"),
        Segment("[31mred", style),
    ]


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    assert filtered(Segment("\ud83d!")) == [Segment("�!")]


def test_control_segments_are_dropped() -> None:
    assert filtered(Segment("a"), Control.home().segment, Segment("b")) == [Segment("a"), Segment("b")]


def test_a_link_with_control_characters_is_removed() -> None:
    (segment,) = filtered(Segment("here", Style(bold=True, link="https://a\x1b\\\x1b[2J")))
    assert segment == Segment("here", Style(bold=True))


@settings(deadline=None, max_examples=500)
@given(texts=st.lists(st.text(st.characters() | st.sampled_from(UNSAFE), max_size=12), max_size=4))
def test_every_text_becomes_safe_and_keeps_its_width(texts: list[str]) -> None:
    strip = Strip([Segment(text) for text in texts])
    shown = strip.apply_filter(ControlFilter(), BLACK)
    assert is_safe(shown.text)
    assert [cell_len(segment.text) for segment in shown] == [cell_len(text) for text in texts]
    assert sum(cell_len(segment.text) for segment in shown) == strip.cell_length
    shown.text.encode()


class Careless(App[None]):
    """An app that draws texts of agents without cleaning them."""

    net = ControlFilter()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.net]

    def compose(self) -> ComposeResult:
        yield Label(HOSTILE, markup=False)
        frame = Static(HOSTILE, markup=False)
        frame.border_title = HOSTILE
        frame.styles.border = ("round", "white")
        yield frame
        yield DataTable[str]()

    def on_mount(self) -> None:
        table: DataTable[str] = self.query_one(DataTable)
        table.add_columns(HOSTILE)
        table.add_row(HOSTILE)


async def test_an_app_that_does_not_clean_texts_sends_no_controls() -> None:
    app = Careless()
    async with app.run_test(size=(40, 12)):
        lines = app.screen._compositor.render_strips()
    drawn = "".join(line.text for line in lines)
    assert drawn.count("a]2;owned\\2Jb") == 5
    assert is_safe(drawn)
    assert {cell_len(line.text) for line in lines} == {40}
