"""Keys of the application, which work on every screen."""

from textual.binding import Binding, BindingType

APP_KEYS: list[BindingType] = [
    Binding("question_mark", "help", "Help", key_display="?", id="app.help", tooltip="Show the keys"),
    Binding("f1", "help", "Help", key_display="F1", id="app.help-anywhere", tooltip="Show the keys"),  # while text is typed
    Binding("q", "leave", "Back", id="app.leave", tooltip="One level back; on the list of runs, quit"),
    Binding("escape", "leave_softly", "Back", id="app.back", show=False, tooltip="One level back"),
    Binding("F", "newest", "Newest live", id="app.newest", tooltip="To the newest live run, and follow it"),
    Binding("1", "runs", "Runs", id="app.runs", tooltip="To the list of runs"),
    Binding(
        "exclamation_mark",
        "problems",
        "Problems",
        id="app.problems",
        show=False,
        tooltip="To rejected and lost entries",
    ),
    Binding("colon,ctrl+p", "command_palette", "Commands", id="app.commands", show=False, tooltip="All commands, by name"),
    Binding(
        "f2", "mouse", "Mouse", id="app.mouse", show=False, tooltip="Switch the mouse between treetop and the terminal"
    ),
    Binding("ctrl+l", "redraw", "Redraw", id="app.redraw", show=False, tooltip="Redraw the whole screen"),
    Binding("ctrl+z", "suspend_process", "Suspend", id="app.suspend", show=False, tooltip="Back to the shell; fg returns"),
    Binding("ctrl+q", "quit", "Quit", id="app.quit", show=False, priority=True, tooltip="Quit, from anywhere"),
    Binding(
        "ctrl+c",
        "interrupt",
        "Quit",
        id="app.interrupt",
        show=False,
        priority=True,
        tooltip="Twice: quit, from anywhere",
    ),
]
