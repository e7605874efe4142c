"""The line above a table that answers its question in one sentence."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class LeadLine(Widget):
    """Draws a sentence. Set its reactives."""

    DEFAULT_CSS = """
    LeadLine { height: 1; padding: 0 1; }
    """
    about: reactive[str] = reactive("")
    """Subject of the sentence, if it is only a part of what the screen shows."""
    text: reactive[str] = reactive("")

    def render(self) -> RenderResult:
        about = f"{self.about}: " if self.about else ""
        sentence = Content.assemble((about, "$primary"), (self.text, "bold"))
        return sentence.truncate(self.size.width, ellipsis=True)
