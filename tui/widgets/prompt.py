"""A one-line input. The footer shows the keys that submit and cancel it."""

from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.keys import KEY_NAME_REPLACEMENTS
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input


class Prompt(Input):
    """An input that Enter submits and Esc cancels. While it has the focus, printable keys trigger no bindings.

    It is hidden at first: call `open` and `close`. `label`: word before the text.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--label"}
    DEFAULT_CSS = """
    Prompt, Prompt:focus { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    Prompt.-open { display: block; }
    Prompt > .prompt--label { background: $panel; color: $primary; text-style: bold; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Done", id="prompt.submit", tooltip="Apply the text"),
        Binding("escape", "cancel", "Cancel", id="prompt.cancel", tooltip="Discard the text"),
    ]

    class Cancelled(Message):
        """The user pressed Esc."""

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(**options)
        self._label = f" {label} "
        self.styles.padding = (0, 1, 0, len(self._label))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The label is drawn in the space to the left of the text."""
        label = Strip([Segment(self._label, self.get_component_rich_style("prompt--label"))])
        return [Strip.join([label, strip.crop(len(self._label))]) for strip in super().render_lines(crop)]

    def open(self) -> None:
        """Show and focus the input."""
        self.add_class("-open")
        self.focus()

    def close(self) -> None:
        """Clear and hide the input."""
        self.value = ""
        self.remove_class("-open")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Also consume keys with names such as `slash`, for which Textual derives no character."""
        return key in KEY_NAME_REPLACEMENTS.values() or super().check_consume_key(key, character)

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())
