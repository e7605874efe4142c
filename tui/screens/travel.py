"""Time travel: at which position of its past a run is looked at, and how that moves."""

import time as clock

from store.history import EVERY
from store.record import Mark
from store.view import View
from tui.models.axis import Axis
from tui.models.seek import Target, resolve
from tui.models.speed import REAL_TIME, Speed, faster, slower

FINE = 20_000
"""Events up to which each is a mark of the axis; of longer runs, the checkpoints are."""

PATIENCE = 1.0
"""Seconds that one waits for the next event at most; a longer pause of the run is skipped."""

AGAIN = 1.0
"""Seconds between two measurings of a run that goes on."""

AT_ONCE = 5_000
"""Events that are played in one step at most."""


class Travel:
    """A position in the past of a run; inactive at first, when its end is looked at."""

    def __init__(self) -> None:
        self.position: int | None = None
        """None: not travelling."""
        self.playing = False
        self.speed: Speed = REAL_TIME
        self.skipped: float | None = None
        """Seconds of the run that were skipped last."""
        self.axis: Axis | None = None
        self._time: float | None = None
        """What time it is in the run, while it is played in time."""
        self._share = 0.0
        """Of an event, while events are counted."""
        self._turn = 0
        """Counts what the user changed: what was worked out before that does not hold any more."""
        self._played = 0.0
        self._measured = 0.0

    @property
    def active(self) -> bool:
        """Is the past looked at?"""
        return self.position is not None

    def go(self, position: int | None) -> None:
        """To a position; None: back to the end."""
        self.position = position
        self._turned()
        self.skipped = None
        if position is None:
            self.playing = False

    def play(self) -> None:
        """Begin to play."""
        self.playing = True
        self._played = clock.monotonic()
        self._turned()

    def faster(self) -> None:
        """The next higher speed."""
        self.speed = faster(self.speed)
        self._turned()

    def slower(self) -> None:
        """The next lower speed."""
        self.speed = slower(self.speed)
        self._turned()

    def pause(self) -> None:
        """Stay where we are."""
        self.playing = False
        self._turned()

    def _turned(self) -> None:
        """Playing goes on from here, if it does."""
        self._turn += 1
        self._time, self._share = None, 0.0

    async def advance(self, view: View) -> None:
        """Play on, for as long as it is since the last time."""
        now = clock.monotonic()
        seconds, self._played = now - self._played, now
        here = self.position
        if here is None:
            return
        if self.speed.by_events:
            self._share += seconds * self.speed.rate
            moved, self._share = int(self._share), self._share % 1.0
            there, self.skipped = here + min(moved, AT_ONCE), None
        else:
            turn = self._turn
            there, time, skipped = await self._play_time(view, here, seconds, self._time, self.speed.rate)
            if turn != self._turn:  # somebody went elsewhere meanwhile, or changed the speed
                return
            self._time, self.skipped = time, skipped
        self.position = min(there, view.end)
        if self.position == view.end:
            self.playing = False

    async def _play_time(
        self, view: View, here: int, seconds: float, time: float | None, rate: float
    ) -> tuple[int, float, float | None]:
        """To where and to what time playing gets, and how long the pause was that it skipped, if it did."""
        if time is None:
            times = await view.file.times(max(here, 1), max(here, 1))
            time = times[0] if times else 0.0
        time += seconds * rate
        following = await view.file.after_time(time, here + 1, here + AT_ONCE)
        if following is None:
            there = min(here + AT_ONCE, view.end)
            times = await view.file.times(there, there) if there > here else []
            return there, max(time, *times) if times else time, None
        position, then = following
        if (pause := then - time) / rate > PATIENCE:
            return position, then, pause
        return position - 1, time, self.skipped if position - 1 == here else None

    async def measure(self, view: View, at_once: bool = False) -> None:
        """Bring the axis up to what the run has now: every `AGAIN` seconds at most, but if it must be `at_once`."""
        total, now = self.axis.total if self.axis is not None else 0, clock.monotonic()
        if self.axis is not None and (total >= view.end or (not at_once and now - self._measured < AGAIN)):
            return
        self._measured = now
        marks = await self._fine(view, total) if view.end <= FINE else await self._coarse(view, total)
        if self.axis is not None:
            self.axis = self.axis.extended(marks)
        elif marks:
            self.axis = Axis([Mark(0, view.run.started or marks[0].time), *marks])

    async def place(self, view: View, target: Target, here: int | None) -> int:
        """The position of a target, seen from the one that one is at (None: its end), exact to the event in any run."""
        await self.measure(view, at_once=True)
        axis = self.axis
        if axis is None:
            return 0
        if here is None:
            here = axis.total
        found = resolve(target, axis, here)
        if view.end > FINE:
            known = {mark.position: mark for mark in axis.marks}
            for at in (here, found):
                first = max(at - EVERY, 1)
                for position, time in enumerate(await view.file.times(first, min(at + EVERY, axis.total)), first):
                    known.setdefault(position, Mark(position, time))
            found = resolve(target, Axis(known[position] for position in sorted(known)), here)
        return found

    async def _fine(self, view: View, after: int) -> list[Mark]:
        """A mark for each event; what was counted up to there is counted again here, roughly, for its colour."""
        last = self.axis.marks[-1] if self.axis is not None else Mark(0, 0.0)
        errors, llm_calls, tool_calls = last.errors, last.llm_calls, last.tool_calls
        marks = []
        for position, time, failed, name in await view.file.outlines(after, view.end - after):
            errors += failed
            llm_calls += name == "llm_call_started"
            tool_calls += name == "tool_invoked"
            marks.append(Mark(position, time, view.shape.horizon(position), errors, llm_calls, tool_calls))
        return marks

    async def _coarse(self, view: View, after: int) -> list[Mark]:
        marks = await view.file.marks(after)
        run, end = view.row.run, view.end
        if not marks or marks[-1].position < end:
            counts = (run.nodes, run.errors, run.llm_calls, run.tool_calls, run.tokens_in, run.tokens_out)
            marks.append(Mark(end, run.latest or 0.0, *counts))
        return marks
