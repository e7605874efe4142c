"""Base of the panes that draw their lines by roles, so that the styles of all roles are parsed once for all panes."""

from typing import ClassVar

from textual.content import Content
from textual.events import MouseEvent
from textual.geometry import Offset, Region
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.widget import Widget

from tui.theme import ROLE_CLASSES, ROLE_CSS


def draw_title(widget: Widget, title: str) -> None:
    """Set the title in the border of a widget, and draw that line only: `border_title` would draw the whole widget."""
    widget._border_title = Content(title)
    widget.refresh(Region(0, -1, widget.size.width, 1))


class Inked(ScrollView):
    """A scrollable pane with a component style for every role. Set `caption` for the title in its border."""

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
    caption: reactive[str] = reactive("", repaint=False)

    def watch_caption(self, caption: str) -> None:
        if caption:
            draw_title(self, caption)

    @property
    def title(self) -> str:
        """The caption without what follows its colon."""
        return self.caption.partition(":")[0]

    def cell_under(self, event: MouseEvent) -> Offset | None:
        """Column and line of the content under the mouse, scrolled lines included; None on borders and scrollbars.

        Computed from screen coordinates, because those of the event are relative to the border of its receiver.
        """
        region = self.scrollable_content_region
        return (
            event.screen_offset - region.offset + self.scroll_offset if region.contains_point(event.screen_offset) else None
        )
