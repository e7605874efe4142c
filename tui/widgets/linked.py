"""Lines of text with links, which run an action when they are clicked."""

from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.content import Content, Span
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

_LINK = "link-to"
"""Key of a link's target in the meta data of a style."""


def linked(text: str | Content, target: str, style: str = "") -> Content:
    """The text as a link to a target: an action, or a name that the widget's `LinkedLine.follow` handles."""
    content = Content.styled(text, style) if isinstance(text, str) else text
    return content.stylize(Style.from_meta({_LINK: target}))


def _target(span: Span) -> str | None:
    """The target of a span that is a link."""
    target = span.style.meta.get(_LINK) if isinstance(span.style, Style) else None
    return target if isinstance(target, str) else None


class LinkedLine(Widget):
    """Draws `line`. The link under the mouse is underlined, and a click on a link follows it."""

    ALLOW_SELECT: ClassVar[bool] = False
    pointed: reactive[str | None] = reactive(None)
    """Target of the link under the mouse."""

    def line(self) -> Content:
        """The text with its links, at most as wide as the widget."""
        raise NotImplementedError

    def follow(self, target: str) -> None:
        """Follow a link. By default the target is an action, which runs after the click was handled."""
        self.app.call_later(self.app.run_action, target, self)

    def render(self) -> Content:
        content = self.line()
        links = [span for span in content.spans if _target(span) is not None]
        drawn = Content(content.plain, [span for span in content.spans if span not in links])
        for span in links:
            if _target(span) == self.pointed:
                drawn = drawn.stylize("underline", span.start, span.end)
        return drawn

    def _link_under(self, event: events.MouseEvent) -> str | None:
        """Target of the link under the mouse."""
        at = event.get_content_offset(self)
        lines = self.line().split("\n")
        if at is None or at.y >= len(lines):
            return None
        line = lines[at.y]
        index = next((end - 1 for end in range(1, len(line) + 1) if cell_len(line.plain[:end]) > at.x), len(line))
        return next((_target(span) for span in line.spans if span.start <= index < span.end and _target(span)), None)

    @on(events.Click)
    def _clicked(self, event: events.Click) -> None:
        target = self._link_under(event)
        if target is not None and event.button == 1:
            event.stop()
            self.follow(target)

    @on(events.MouseMove)
    def _moved(self, event: events.MouseMove) -> None:
        self.pointed = self._link_under(event)

    @on(events.Leave)
    def _left(self) -> None:
        self.pointed = None
