"""The look of what Textual draws itself: notifications and the command palette."""

APP_CSS = """
ToastRack { dock: top; align: right top; margin: 3 1 0 0; }
Toast {
    width: auto; max-width: 60; margin: 0; padding: 0 1;
    background: $background; border: round $border-blurred;
    &.-information { border: round $primary; .toast--title { color: $primary; } }
    &.-warning { border: round $warning; .toast--title { color: $warning; } }
    &.-error { border: round $error; .toast--title { color: $error; } }
}
CommandPalette > Vertical { margin-top: 2; max-width: 100; background: $background; border: round $border; }
CommandPalette #--input { border: none; border-bottom: solid $border-blurred; }
CommandPalette #--input.--list-visible { border-bottom: solid $border-blurred; }
CommandPalette #--results { background: $background; }
"""
"""Notifications are at the top right, beneath the title of a screen: the last lines have the state and the keys."""
