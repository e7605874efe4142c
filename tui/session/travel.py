"""Time travel: the position in the past of a run, and how it moves while the run is played."""

import time as clock

from store.database.moment import Moment
from store.database.seek import exact_position, read_axis
from store.model.axis import Axis
from store.model.phase import is_live
from store.model.target import Target
from tui.models.snapshot import Playback
from tui.models.speed import REAL_TIME, Speed, faster, slower

LONGEST_PAUSE_S = 1.0
"""Seconds of playing after which a pause of the run is skipped up to the next event."""

MEASURE_INTERVAL_S = 1.0
"""Seconds between two extensions of the axis of a growing run."""

STEP_EVENTS = 5_000
"""Maximum number of events that one step of playing passes."""


class Travel:
    """A position in the past of a run. Inactive at first: the screen shows the end of the run."""

    def __init__(self) -> None:
        self.position: int | None = None
        """None: no time travel."""
        self.playing = False
        self.speed: Speed = REAL_TIME
        self.skipped: float | None = None
        """Seconds of the pause that playing skipped last."""
        self.axis: Axis | None = None
        self._time: float | None = None
        """Time in the run while it is played by time; None: that of the event at the position."""
        self._fraction = 0.0
        """Part of the next event that is already played, while the run is played by events."""
        self._changes = 0
        """Number of changes of position or speed. A step of playing that was computed before a change is discarded."""
        self._played_at = 0.0
        self._measured_at = 0.0

    @property
    def active(self) -> bool:
        """Whether the screen shows a position in the past."""
        return self.position is not None

    def seek(self, position: int | None) -> None:
        """Move to a position; None ends time travel."""
        self.position = position
        self.skipped = None
        if position is None:
            self.playing = False
        self._changed()

    def play(self) -> None:
        """Start playing."""
        self.playing = True
        self._played_at = clock.monotonic()
        self._changed()

    def pause(self) -> None:
        """Stop playing."""
        self.playing = False
        self._changed()

    def change_speed(self, step: int) -> None:
        """Select the next higher speed, or the next lower one (`step` -1)."""
        self.speed = faster(self.speed) if step > 0 else slower(self.speed)
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._time, self._fraction = None, 0.0

    async def advance(self, moment: Moment) -> None:
        """Play for the time since the last call."""
        now = clock.monotonic()
        seconds, self._played_at = now - self._played_at, now
        here = self.position
        if here is None:
            return
        if self.speed.by_events:
            self._fraction += seconds * self.speed.rate
            moved, self._fraction = int(self._fraction), self._fraction % 1.0
            there, self.skipped = here + min(moved, STEP_EVENTS), None
        else:
            changes = self._changes
            there, time, skipped = await self._play_time(moment, here, seconds, self._time, self.speed.rate)
            if changes != self._changes:
                return
            self._time, self.skipped = time, skipped
        self.position = min(there, moment.end)
        if self.position == moment.end:
            self.playing = False

    async def _play_time(
        self, moment: Moment, here: int, seconds: float, time: float | None, rate: float
    ) -> tuple[int, float, float | None]:
        """Position and time after playing, and the length of the pause that was skipped, if any."""
        if time is None:
            times = await moment.queries.times(max(here, 1), max(here, 1))
            time = times[0] if times else 0.0
        time += seconds * rate
        following = await moment.queries.after_time(time, here + 1, here + STEP_EVENTS)
        if following is None:
            there = min(here + STEP_EVENTS, moment.end)
            times = await moment.queries.times(there, there) if there > here else []
            return there, max(time, *times) if times else time, None
        position, then = following
        if (pause := then - time) / rate > LONGEST_PAUSE_S:
            return position, then, pause
        return position - 1, time, self.skipped if position - 1 == here else None

    async def measure(self, moment: Moment, at_once: bool = False) -> None:
        """Extend the axis to the end of the run, at most every MEASURE_INTERVAL_S unless `at_once`."""
        now = clock.monotonic()
        if self.axis is None or (
            self.axis.total < moment.end and (at_once or now - self._measured_at >= MEASURE_INTERVAL_S)
        ):
            self._measured_at = now
            self.axis = await read_axis(moment, self.axis)

    async def playback(self, moment: Moment, now: float) -> Playback:
        """What the playbar shows."""
        await self.measure(moment)
        return Playback(
            axis=self.axis,
            position=self.position or 0,
            total=moment.end,
            playing=self.playing,
            speed=str(self.speed),
            live=is_live(moment.row.run, now),
            skipped=self.skipped,
            nodes=moment.horizon,
            tokens=(moment.run.tokens_in, moment.run.tokens_out),
        )

    async def resolve(self, moment: Moment, target: Target, here: int) -> int:
        """The position of a target. Relative targets count from `here`."""
        await self.measure(moment, at_once=True)
        return await exact_position(moment, target, here, self.axis)
