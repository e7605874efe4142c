"""From a position as a user types it, such as `50%` or `2m30s`, to the number of an event. Reads what `target` needs."""

from store.database.history import CHECKPOINT_EVENTS
from store.database.moment import Moment
from store.errors import PositionUnknown
from store.model.axis import Axis
from store.model.event_type import TYPES
from store.model.record import Mark
from store.model.target import Target, is_within, local_time, parse, resolve

MARK_PER_EVENT_MAX = 20_000
"""Events up to which a run has a mark of its axis for each event. The marks of longer runs are the checkpoints."""

_BEGINS_CALL = {name: facts.begins_call for name, facts in TYPES.items()}


async def read_axis(moment: Moment, axis: Axis | None = None) -> Axis | None:
    """The time axis of a run up to its end. None for a run without events.

    `axis`: the axis as of an earlier call; only later events are read.
    """
    total = axis.total if axis is not None else 0
    if total >= moment.end:
        return axis
    if moment.end <= MARK_PER_EVENT_MAX:
        marks = await _event_marks(moment, axis.marks[-1] if axis is not None else Mark(0, 0.0))
    else:
        marks = await _checkpoint_marks(moment, total)
    if axis is not None:
        return axis.extended(marks)
    return Axis([Mark(0, moment.run.started or marks[0].time), *marks]) if marks else None


async def exact_position(moment: Moment, target: Target, here: int | None = None, axis: Axis | None = None) -> int:
    """Position of a target, exact to the event also where the axis has a mark for each checkpoint only.

    `here`: the position that relative targets count from; None: the end. `axis`: result of `read_axis`.
    """
    axis = axis or await read_axis(moment)
    if axis is None:
        return 0
    if here is None:
        here = axis.total
    found = resolve(target, axis, here)
    if moment.end > MARK_PER_EVENT_MAX:
        known = {mark.position: mark for mark in axis.marks}
        for at in (here, found):
            first, last = max(at - CHECKPOINT_EVENTS, 1), min(at + CHECKPOINT_EVENTS, axis.total)
            for position, time in enumerate(await moment.queries.times(first, last), first):
                known.setdefault(position, Mark(position, time))
        found = resolve(target, Axis(known[position] for position in sorted(known)), here)
    return found


async def position_of(moment: Moment, text: str) -> int:
    """Position that a text names. Relative texts count from the end.

    Raises PositionUnknown if the text names no position, or one outside the run.
    """
    try:
        target = parse(text)
    except ValueError as error:
        raise PositionUnknown(f"{text!r} is not a position: {error}") from error
    axis = await read_axis(moment)
    if axis is not None and not is_within(target, axis):
        raise PositionUnknown(
            f"{text!r} is outside the run, which has events 1 to {axis.total:,},"
            f" {local_time(axis.start)} to {local_time(axis.end)}, {axis.end - axis.start:.1f} seconds"
        )
    return await exact_position(moment, target, axis=axis)


async def _event_marks(moment: Moment, last: Mark) -> list[Mark]:
    """A mark for each event after a mark. A call is counted at its beginning."""
    errors, llm_calls, tool_calls = last.errors, last.llm_calls, last.tool_calls
    marks = []
    for position, time, failed, event_type in await moment.queries.outlines(last.position, moment.end - last.position):
        begins = _BEGINS_CALL.get(event_type)
        errors += failed
        llm_calls += begins == "llm"
        tool_calls += begins == "tool"
        marks.append(Mark(position, time, moment.shape.horizon(position), errors, llm_calls, tool_calls))
    return marks


async def _checkpoint_marks(moment: Moment, after: int) -> list[Mark]:
    """A mark for each checkpoint after a position, and one for the end of the run."""
    marks = await moment.queries.marks(after)
    run, end = moment.row.run, moment.end
    if not marks or marks[-1].position < end:
        counts = (run.nodes, run.errors, run.llm_calls, run.tool_calls, run.tokens_in, run.tokens_out)
        marks.append(Mark(end, run.latest or 0.0, *counts))
    return marks
