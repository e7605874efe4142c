"""A dialog that asks for confirmation before something is deleted."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Confirm(ModalScreen[bool]):
    """Returns the answer to the screen below. `No` is focused first."""

    CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 64; max-width: 90%; height: auto; padding: 1 2;
        background: $background; border: round $error; border-title-color: $error; border-title-style: bold;
    }
    Confirm Horizontal { height: 1; align-horizontal: right; margin-top: 1; }
    Confirm Button {
        width: auto; min-width: 0; height: 1; margin-left: 2; padding: 0 2;
        border: none; background: $panel; color: $foreground; text-style: none;
        &:hover { border: none; background: $row-cursor; }
        &:focus { border: none; background: $row-cursor; background-tint: transparent; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "answer(False)", "No", id="confirm.no", tooltip="Do not do it"),
    ]

    def __init__(self, question: Content, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = self._yes
            yield Static(self._question)
            with Horizontal():
                yield Button(Content.assemble(("n", "bold $primary"), " No"), id="no")
                yield Button(Content.assemble(("y", "bold $error"), f" {self._yes}"), id="yes")

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
