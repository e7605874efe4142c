"""The base of the screens of errors, spans and statistics: they share the session of the screen of the run."""

import asyncio
from collections.abc import Callable

from textual.reactive import reactive

from store.database.reader import Reader
from store.errors import RunChanged, RunUnknown
from tui.models.snapshot import Header
from tui.screens.fed import FedScreen
from tui.session.session import Session
from tui.theme import Glyphs


class SessionScreen(FedScreen):
    """Shows the run of a session, at its position. Subclasses define `read_run` and show `header`."""

    header: reactive[Header | None] = reactive(None, repaint=False)

    def __init__(self, glyphs: Glyphs, clock: Callable[[], float], session: Session) -> None:
        super().__init__(glyphs, clock)
        self._session = session
        self._ready = asyncio.Event()
        """Set when the first reading has ended, also by an error."""

    async def read_run(self) -> None:
        """Show the refreshed session, and set `header`. Raises RunChanged, RunUnknown and FileError."""
        raise NotImplementedError

    async def read(self, reader: Reader) -> None:
        try:
            await self._session.refresh()
            await self.read_run()
        except RunChanged:
            self.soon()
        except RunUnknown:
            self.header = self._session.header()
        finally:
            self._ready.set()

    async def until_ready(self) -> None:
        await self._ready.wait()
