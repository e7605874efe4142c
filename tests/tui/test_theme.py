"""Nothing is told by colour alone, and nothing needs more than ASCII."""

from typing import get_args

import pytest
from rich.cells import cell_len
from textual.theme import Theme

from store.events import TYPES
from store.simulator import simulate
from store.state import Node, Run, RunStatus, Status, Step
from tests.tui.stage import FINISHED
from tui import theme
from tui.models.axis import Kind
from tui.theme import DARK, DEFAULT_VARIABLES, EVENTS, GLYPHS, HAPPENED, LIGHT, ROLE_CLASSES, ROLES, Glyphs


class TestGlyphs:
    """Each meaning has a glyph, and a stand-in for terminals that have only ASCII."""

    @pytest.mark.parametrize("status", [*Status])
    def test_every_status_has_one(self, status: Status) -> None:
        assert status in GLYPHS

    def test_every_event_type_has_one(self) -> None:
        assert list(EVENTS) == list(TYPES)

    @pytest.mark.parametrize("meaning", GLYPHS)
    def test_stand_ins_are_ascii(self, meaning: str) -> None:
        assert Glyphs(ascii_only=True)(meaning).isascii()

    @pytest.mark.parametrize("event_type", EVENTS)
    def test_stand_ins_of_events_are_ascii(self, event_type: str) -> None:
        assert Glyphs(ascii_only=True).event(event_type).isascii()

    @pytest.mark.parametrize("glyph", [glyph for pair in GLYPHS.values() for glyph in pair[:1]])
    def test_none_is_wider_than_its_characters(self, glyph: str) -> None:
        assert cell_len(glyph) == len(glyph)

    @pytest.mark.parametrize("event_type", EVENTS)
    def test_those_of_events_take_one_cell(self, event_type: str) -> None:
        assert [cell_len(glyph) for glyph in EVENTS[event_type][:2]] == [1, 1]

    def test_guides_take_two_cells_in_either_form(self) -> None:
        guides = [glyph for meaning, pair in GLYPHS.items() if meaning.startswith("guide") for glyph in pair]
        assert {cell_len(glyph) for glyph in guides} == {2}

    @pytest.mark.parametrize("ascii_only", [False, True])
    def test_statuses_that_mean_different_things_look_different(self, ascii_only: bool) -> None:
        glyphs = Glyphs(ascii_only)
        looks = [glyphs(status) for status in Status if status != Status.NEED_POST_REFLECT]
        assert len(set(looks)) == len(looks)

    def test_an_unknown_status_looks_like_work(self) -> None:
        assert Glyphs()("SLEEPING") == Glyphs()(Status.DOING)

    def test_an_unknown_event_type_is_a_question_mark(self) -> None:
        assert Glyphs().event("brain_dumped") == "?"


class TestLevels:
    """How much happened, as a height."""

    @pytest.mark.parametrize(
        ("share", "level"), [(-1.0, "▁"), (0.0, "▁"), (1e-9, "▂"), (0.5, "▅"), (0.86, "█"), (1.0, "█"), (9.0, "█")]
    )
    def test_only_nothing_looks_like_nothing(self, share: float, level: str) -> None:
        assert Glyphs().level(share) == level

    def test_each_has_a_stand_in_of_its_own(self) -> None:
        stand_ins = [Glyphs(ascii_only=True).level(step / 7) for step in range(8)]
        assert (len(set(stand_ins)), "".join(stand_ins).isascii()) == (8, True)

    @pytest.mark.parametrize("kind", get_args(Kind))
    def test_what_happened_has_a_role(self, kind: str) -> None:
        assert HAPPENED[kind] in ROLES


class TestRoles:
    """What can be said by the way a text is drawn."""

    def test_every_role_is_a_component_class(self) -> None:
        assert {f"role--{role}" for role in ROLES} == ROLE_CLASSES

    @pytest.mark.parametrize("event_type", [*EVENTS, "brain_dumped"])
    def test_events_have_a_role(self, event_type: str) -> None:
        assert theme.event_name(event_type)[1] in ROLES

    @pytest.mark.parametrize("status", [*Status, None, "SLEEPING"])
    def test_statuses_have_a_role(self, status: str | None) -> None:
        assert theme.status_role(status) in ROLES

    @pytest.mark.parametrize("task_type", ["COMPOSITION", "REASONING", "RETRIEVAL", "GENERAL", "DANCING", None])
    def test_tasks_have_a_role(self, task_type: str | None) -> None:
        assert theme.task_name(task_type)[1] in ROLES

    @pytest.mark.parametrize("silent", [False, True])
    @pytest.mark.parametrize("status", [*RunStatus])
    def test_runs_have_a_glyph_and_a_role(self, status: RunStatus, silent: bool) -> None:
        mark, role = theme.run_mark(Run("run", status), silent)
        assert (mark in GLYPHS, role in ROLES) == (True, True)

    def test_simulated_events_have_a_short_name(self) -> None:
        assert all(str(published.event["event_type"]) in EVENTS for published in simulate(FINISHED))


class TestNodeMark:
    """What stands before a node."""

    def test_work_comes_first(self) -> None:
        assert theme.node_mark(Node("a", 1, status="DOING", step=Step(1, 0.0))) == ("active", "active")

    def test_an_aborted_step_comes_before_the_status_that_it_left(self) -> None:
        assert theme.node_mark(Node("a", 1, status="READY", step=Step(1, 0.0, False, True))) == ("aborted", "failed")

    def test_a_node_that_nobody_announced_is_a_placeholder(self) -> None:
        assert theme.node_mark(Node("a", 1)) == ("placeholder", "faint")


class TestThemes:
    """Dark and light say the same."""

    def test_both_define_the_same_variables(self) -> None:
        assert DARK.variables.keys() == LIGHT.variables.keys()

    def test_other_themes_get_the_colours_that_only_ours_have(self) -> None:
        wanted = {name for css in ROLES.values() for name in DARK.variables if f"${name}" in css}
        assert wanted <= DEFAULT_VARIABLES.keys()

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    @pytest.mark.parametrize("colour", ["foreground", "accent", "success", "warning", "error", "primary"])
    def test_text_can_be_read(self, palette: Theme, colour: str) -> None:
        from textual.color import Color

        ground = Color.parse(palette.background or "")
        assert _contrast(Color.parse(getattr(palette, colour)).rgb, ground.rgb) >= 4.5


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast of WCAG: 1 for the same colour, 21 for black on white; 4.5 is the least for text."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: tuple[int, int, int]) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (value / 255 for value in rgb)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
