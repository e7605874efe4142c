"""Who handles the mouse: the application, or the terminal, which selects and copies text with it."""

from textual.app import App


class MouseSwitch:
    """Gives the mouse to the terminal and takes it back."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._ours = True

    def toggle(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        self._ours = not self._ours
        driver = self._app._driver
        if driver is not None:
            switch = "_enable_mouse_support" if self._ours else "_disable_mouse_support"
            getattr(driver, switch, lambda: None)()
        self._app.notify(
            "The mouse controls treetop." if self._ours else "The mouse selects and copies text in the terminal.",
            markup=False,
        )
