"""A pane that draws its lines by roles; the styles of all roles are parsed once for all such panes."""

from typing import ClassVar

from textual.scroll_view import ScrollView

from tui.theme import ROLE_CLASSES, ROLE_CSS


class Inked(ScrollView):
    """Its subclasses may ask for the component style of every role."""

    COMPONENT_CLASSES: ClassVar[set[str]] = ROLE_CLASSES
    DEFAULT_CSS = (
        """
    Inked {
        background: $background;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        """
        + ROLE_CSS
        + "}"
    )
