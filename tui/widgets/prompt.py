"""A one-line input. The footer shows the keys that submit and cancel it."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS
from textual.message import Message
from textual.widgets import Input


class Prompt(Input):
    """An input that Enter submits and Esc cancels. While it has the focus, printable keys trigger no bindings.

    It is hidden at first: call `open` and `close`.
    """

    DEFAULT_CSS = """
    Prompt, Prompt:focus { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    Prompt.-open { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Done", key_display="⏎", id="prompt.submit", tooltip="Apply the text"),
        Binding("escape", "cancel", "Cancel", key_display="Esc", id="prompt.cancel", tooltip="Discard the text"),
    ]

    class Cancelled(Message):
        """The user pressed Esc."""

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
