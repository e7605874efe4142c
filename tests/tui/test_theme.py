"""Colour is never the only difference, and everything has an ASCII form."""

from typing import get_args

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.color import Color
from textual.theme import Theme

from store.model.axis import Kind
from store.model.event_type import TYPES
from store.model.phase import Phase
from store.model.span import Span
from store.model.state import Node, Status
from tests.tui.stage import FINISHED
from tui import theme
from tui.demo import simulate
from tui.palette import DARK, DEFAULT_VARIABLES, LIGHT
from tui.theme import ACTIVITY_ROLES, DIM_ROLES, EVENTS, GLYPHS, ROLE_CLASSES, ROLES, Glyphs

STEP = Span(1, "step", "a", began=1, started=0.0)


class TestGlyphs:
    """Each meaning has a glyph and an ASCII substitute."""

    @pytest.mark.parametrize("status", [*Status])
    def test_every_status_has_a_glyph(self, status: Status) -> None:
        assert status in GLYPHS

    def test_every_event_type_has_a_glyph(self) -> None:
        assert list(EVENTS) == list(TYPES)

    @pytest.mark.parametrize("meaning", GLYPHS)
    def test_substitutes_are_ascii(self, meaning: str) -> None:
        assert Glyphs(ascii_only=True)(meaning).isascii()

    @pytest.mark.parametrize("event_type", EVENTS)
    def test_substitutes_of_events_are_ascii(self, event_type: str) -> None:
        assert Glyphs(ascii_only=True).event(event_type).isascii()

    @pytest.mark.parametrize("glyph", [glyph for pair in GLYPHS.values() for glyph in pair[:1]])
    def test_each_character_of_a_glyph_takes_one_cell(self, glyph: str) -> None:
        assert cell_len(glyph) == len(glyph)

    @pytest.mark.parametrize("event_type", EVENTS)
    def test_glyphs_of_events_take_one_cell(self, event_type: str) -> None:
        assert [cell_len(glyph) for glyph in EVENTS[event_type][:2]] == [1, 1]

    def test_guides_take_two_cells_in_both_forms(self) -> None:
        guides = [glyph for meaning, pair in GLYPHS.items() if meaning.startswith("guide") for glyph in pair]
        assert {cell_len(glyph) for glyph in guides} == {2}

    @pytest.mark.parametrize("ascii_only", [False, True])
    def test_different_statuses_have_different_glyphs(self, ascii_only: bool) -> None:
        glyphs = Glyphs(ascii_only)
        looks = [glyphs(status) for status in Status if status != Status.NEED_POST_REFLECT]
        assert len(set(looks)) == len(looks)

    @pytest.mark.parametrize("ascii_only", [False, True])
    def test_no_status_has_the_glyph_of_a_collapsed_node(self, ascii_only: bool) -> None:
        glyphs = Glyphs(ascii_only)
        assert {glyphs(status) for status in Status}.isdisjoint({glyphs("expanded"), glyphs("collapsed")})

    def test_an_unknown_status_has_the_glyph_of_work(self) -> None:
        assert Glyphs()("SLEEPING") == Glyphs()(Status.DOING)

    def test_an_unknown_event_type_has_a_question_mark(self) -> None:
        assert Glyphs().event("brain_dumped") == "?"


class TestLevels:
    """Levels of a chart."""

    @pytest.mark.parametrize(
        ("share", "level"), [(-1.0, "▁"), (0.0, "▁"), (1e-9, "▂"), (0.5, "▅"), (0.86, "█"), (1.0, "█"), (9.0, "█")]
    )
    def test_only_zero_has_the_lowest_level(self, share: float, level: str) -> None:
        assert Glyphs().level(share) == level

    def test_each_level_has_its_own_substitute(self) -> None:
        stand_ins = [Glyphs(ascii_only=True).level(step / 7) for step in range(8)]
        assert (len(set(stand_ins)), "".join(stand_ins).isascii()) == (8, True)

    @pytest.mark.parametrize("kind", get_args(Kind))
    def test_every_kind_of_event_has_a_role(self, kind: str) -> None:
        assert ACTIVITY_ROLES[kind] in ROLES


class TestRoles:
    """Roles of texts."""

    def test_every_role_is_a_component_class(self) -> None:
        assert {f"role--{role}" for role in ROLES} == ROLE_CLASSES

    @pytest.mark.parametrize("event_type", [*EVENTS, "brain_dumped"])
    def test_events_have_a_role(self, event_type: str) -> None:
        assert theme.event_name(event_type)[1] in ROLES

    @pytest.mark.parametrize("status", [*Status, None, "SLEEPING"])
    def test_statuses_have_a_role(self, status: str | None) -> None:
        assert theme.status_role(status) in ROLES

    @pytest.mark.parametrize("task_type", ["COMPOSITION", "REASONING", "RETRIEVAL", "GENERAL", "DANCING", None])
    def test_task_types_have_a_role(self, task_type: str | None) -> None:
        assert theme.task_name(task_type)[1] in ROLES

    @pytest.mark.parametrize("status", [*Phase])
    def test_phases_of_runs_have_a_glyph_and_a_role(self, status: Phase) -> None:
        mark, role = theme.run_mark(status)
        assert (mark in GLYPHS, role in ROLES) == (True, True)

    def test_simulated_events_have_a_short_name(self) -> None:
        assert all(str(published.event["event_type"]) in EVENTS for published in simulate(FINISHED))


class TestNodeMark:
    """The glyph of a node."""

    def test_an_open_step_comes_first(self) -> None:
        assert theme.node_mark(Node("a", 1, status="DOING", step=STEP)) == ("active", "active")

    def test_an_aborted_step_takes_precedence_over_the_status(self) -> None:
        assert theme.node_mark(Node("a", 1, status="READY", step=replace(STEP, aborted=2))) == ("aborted", "failed")

    def test_a_node_that_was_not_announced_is_a_placeholder(self) -> None:
        assert theme.node_mark(Node("a", 1)) == ("placeholder", "faint")


class TestThemes:
    """The dark and the light theme."""

    def test_both_themes_define_the_same_variables(self) -> None:
        assert DARK.variables.keys() == LIGHT.variables.keys()

    def test_other_themes_get_the_additional_variables(self) -> None:
        wanted = {name for css in ROLES.values() for name in DARK.variables if f"${name}" in css}
        assert wanted <= DEFAULT_VARIABLES.keys()

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    @pytest.mark.parametrize("colour", ["foreground", "accent", "success", "warning", "error", "primary"])
    @pytest.mark.parametrize("behind", ["background", "surface"])
    def test_text_has_sufficient_contrast(self, palette: Theme, colour: str, behind: str) -> None:
        assert contrast_of(Color.parse(getattr(palette, colour)), Color.parse(getattr(palette, behind))) >= 4.5

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    def test_the_keys_of_the_last_line_have_sufficient_contrast(self, palette: Theme) -> None:
        ground = Color.parse(palette.variables["footer-background"])
        word = ground.blend(Color.parse(str(palette.foreground)), 0.7)
        assert contrast_of(word, ground) >= 4.5
        assert contrast_of(Color.parse(palette.variables["footer-key-foreground"]), ground) >= 4.5

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    def test_orange_is_the_colour_of_no_other_variable(self, palette: Theme) -> None:
        assert palette.accent not in palette.variables.values()
        assert {role for role, css in ROLES.items() if "$accent" in css} == {"active", "lit"}


def luminance(color: Color) -> float:
    """Relative luminance as defined by WCAG 2."""
    parts = [value / 255 for value in color.rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_of(one: Color, other: Color) -> float:
    """The contrast as defined by WCAG 2: 1 for equal colours, 21 for black on white."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def contrast(role: str, palette: Theme, ground: str) -> float:
    """Contrast of a role's text on a background."""
    colors = {name: getattr(palette, name) for name in ("foreground", "accent", "primary", "warning", "success", "error")}
    name, *share = ROLES[role].split("color: $")[1].split(";")[0].split()
    background = Color.parse(ground)
    text = background.blend(Color.parse((colors | palette.variables)[name]), int(share[0][:-1]) / 100 if share else 1.0)
    return contrast_of(text, background)


class TestContrast:
    """Rows that failed, are at work or under the cursor can be read; guides can be followed."""

    @pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
    @pytest.mark.parametrize("role", [role for role in ROLES if role not in DIM_ROLES])
    def test_texts_stand_out_from_every_background_of_a_row(self, palette: Theme, role: str) -> None:
        grounds = [palette.background, *(palette.variables[name] for name in ("row-cursor", "row-cursor-blurred"))]
        least = min(contrast(role, palette, str(ground)) for ground in grounds)
        assert least >= (2.5 if role in ("guide", "own", "inside") else 4.5)  # lines and bars are no texts
