"""Time travel in a run: keys and mouse to a position, and playing."""

from collections.abc import Callable
from functools import partial

from textual.timer import Timer

from store.model.target import Offset, Target
from tui.screens.fed import FRAME_S, FedScreen
from tui.screens.finding import Finding
from tui.session.session import Session


class TimeTravel:
    """Changes the position of a session. `on_change` is called after each change of position, and when playing stops."""

    def __init__(self, screen: FedScreen, session: Session, finding: Finding, on_change: Callable[[], None]) -> None:
        self._screen = screen
        self._session = session
        self._finding = finding
        self._on_change = on_change
        self._player: Timer = screen.set_interval(FRAME_S, self._play, pause=True)

    def leap(self, position: int | None) -> None:
        """Go to a position, None for the end, instead of to the targets of earlier keys."""
        if self._session.opened:
            self._finding.cancel()
            self._session.seek(position)
            self.show()

    def show(self) -> None:
        """Show the position, and play on if the run is played."""
        (self._player.resume if self._session.travel.playing else self._player.pause)()
        self._on_change()

    def toggle(self, position: int | None, target: Target | None = None) -> None:
        """Start time travel at a target, else at a position, None for the end of the run; or end it."""
        if target is not None and not self._session.travel.active:
            self._screen.run_worker(self.seek(target))
        elif self._session.opened:
            begin = self._session.moment.end if position is None else position
            self.leap(None if self._session.travel.active else begin)

    def last(self) -> None:
        """Go to the last event."""
        self.leap(self._session.moment.end)

    def drag(self, position: int) -> None:
        """Go to the position under the mouse."""
        self._session.travel.pause()
        self.leap(position)

    def step(self, step: int) -> None:
        """Go to the next event, or to the previous one (`step` -1)."""
        self._session.travel.pause()
        self._finding.start(partial(self._step, step))

    async def _step(self, step: int) -> None:
        self._session.step(step)
        self.show()

    def step_of_node(self, step: int) -> None:
        """Go to the next step or status of the selected node, or to the previous one (`step` -1)."""
        self._session.travel.pause()
        self._finding.start(partial(self._step_of_node, step))

    async def _step_of_node(self, step: int) -> None:
        if await self._session.step_of_node(step):
            self.show()
        else:
            where = "after" if step > 0 else "before"
            self._screen.notify(f"No step or status of this task {where} this position.", markup=False)

    def play_or_pause(self) -> None:
        """Start or stop playing."""
        self._session.play_or_pause()
        self.show()

    async def _play(self) -> None:
        travel, before = self._session.travel, self._session.travel.position
        if travel.playing and not await self._screen.attempt(partial(travel.advance, self._session.moment)):
            travel.pause()
        if travel.position != before or not travel.playing:
            self.show()

    async def seek(self, target: Target) -> None:
        """Go to a target."""
        await self._screen.attempt(partial(self._seek, target))

    async def _seek(self, target: Target) -> None:
        before, found = self._session.travel.position, await self._session.resolve(target)
        self.leap(found)
        if found == before and isinstance(target, Offset):
            self._screen.notify("No event between here and there: the position stays.", markup=False)
