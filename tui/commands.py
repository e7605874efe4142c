"""The commands of the palette: every action that has a key, and the actions of Textual without one."""

from collections.abc import Callable, Iterable

from textual.actions import parse
from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from tui.key_name import key_names
from tui.screens.help import bindings_of


def commands(app: App[None], screen: Screen[object], ascii_only: bool) -> Iterable[SystemCommand]:
    """The commands that apply: those of the focused pane first, then those of the screen and of the application."""
    places: list[DOMNode] = [screen, app] if screen.focused is None else [screen.focused, screen, app]
    for place in places:
        for binding in bindings_of(place):
            _, action, parameters = parse(binding.action)
            if place.check_action(action, parameters) is False:
                continue
            name = f"{binding.description}  ({key_names(binding.key, ascii_only)})"
            yield SystemCommand(name, binding.tooltip, _runner(app, binding.action, place))
    yield SystemCommand("Theme", "Choose dark, light or another palette", app.action_change_theme)
    yield SystemCommand("Screenshot", "Save a picture of the screen as SVG", app.action_screenshot)


def _runner(app: App[None], action: str, place: DOMNode) -> Callable[[], None]:
    def run() -> None:
        app.call_later(app.run_action, action, place)

    return run
