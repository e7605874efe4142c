"""The status of ingest: Redis, lag, and the numbers of stored, rejected and lost entries. Of several streams: in total."""

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive

from store.model.record import StreamRow
from tui import format as fmt
from tui.text import clean
from tui.theme import Glyphs
from tui.widgets.linked import LinkedLine, linked

STATES = ("refused", "away", "connecting", "reading", "new", "stopped", "live")
"""States of a stream, the worst first. Of several streams, the first one in this order is shown."""


class StatusBar(LinkedLine):
    """Draws the state of ingest, as its process and the streams' rows report it. Set its reactives, and call `keep_up`.

    Of several streams, the state of the one in trouble is shown, and how many are live.

    Numbers of rejected and lost entries are links to their list.
    """

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $foreground 62%; padding: 0 1; }
    """

    streams: reactive[tuple[StreamRow, ...]] = reactive(())
    """The streams that the ingester stores; empty before the first is known."""
    several: reactive[bool] = reactive(False)
    """Whether the file contains several streams. The name of a single one is then shown with its address."""
    ingester: reactive[str | None] = reactive(None)
    """Name of the program that stores events into the file; None when there is none."""
    trouble: reactive[str] = reactive("")
    """Error of the ingester or the file; empty for none."""
    warning: reactive[str] = reactive("")
    """Risk of storing events in the file; empty for none."""
    file: reactive[str] = reactive("")

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def keep_up(self, streams: Sequence[StreamRow]) -> None:
        """Replace the rows of the streams by newer ones. Draws nothing where the text stays the same."""
        known = {stream.where: stream for stream in streams}
        newest = tuple(known.get(stream.where, stream) for stream in self.streams)
        if newest != self.streams:
            before = self.render()
            self.set_reactive(StatusBar.streams, newest)
            if self.render() != before:
                self.refresh()

    def line(self) -> Content:
        dot = (f" {self._glyphs('dot')} ", "$foreground 38%")
        parts: list[str | tuple[str, str] | Content] = [self._state()]
        streams = self.streams
        if streams:
            lag = max((lag_of(stream) or 0.0 for stream in streams), default=0.0)
            if lag and self.ingester is not None:
                parts += [dot, (f"lag {fmt.duration(lag)}", "bold $warning")]
            parts += [dot, f"{fmt.count(sum(stream.stored for stream in streams))} stored"]
            if duplicate := sum(stream.duplicate for stream in streams):
                parts += [dot, f"{fmt.count(duplicate)} repeated"]
            if rejected := sum(stream.rejected for stream in streams):
                parts += [dot, linked(f"{fmt.count(rejected)} rejected", "app.problems", "bold $warning")]
            if gaps := sum(stream.gaps for stream in streams):
                known = [stream.lost for stream in streams if stream.gaps]
                lost = "unknown number" if None in known else fmt.count(sum(filter(None, known)))
                parts += [dot, linked(f"{fmt.counted(gaps, 'gap')}, {lost} lost", "app.problems", "bold $error")]
            parts += [dot, self._names()]
        if self.warning:
            parts += [dot, (clean(self.warning, 160), "bold $warning")]
        parts += [dot, (clean(self.file, 120), "$foreground 38%")]
        return Content.assemble(*parts).truncate(self.size.width, ellipsis=True)

    def _state(self) -> tuple[str, str]:
        running, silent = self._glyphs("running"), self._glyphs("silent")
        if self.ingester is None:
            return (f"{silent} not ingesting" + (f": {clean(self.trouble, 160)}" if self.trouble else ""), "$warning")
        if self.trouble:
            return f"{self._glyphs('error')} {clean(self.trouble, 160)}", "bold $error"
        if not self.streams:
            return f"{silent} starting", "$foreground 62%"
        worst = min(self.streams, key=lambda stream: STATES.index(stream.state) if stream.state in STATES else len(STATES))
        reason = clean(worst.reason or "", 160)
        prefix = f"{clean(worst.name, 40)}: " if len(self.streams) > 1 and worst.state != "live" else ""
        match worst.state:
            case "live":
                return f"{running} redis", "$success"
            case "reading":
                return f"{running} {prefix}catching up", "$warning"
            case "away":
                return f"{self._glyphs('error')} {prefix}redis unreachable: {reason}", "bold $error"
            case "refused":
                return f"{self._glyphs('error')} {prefix}redis refuses access: {reason}", "bold $error"
            case state:
                return f"{silent} {prefix}{state}", "$foreground 62%"

    def _names(self) -> str:
        """Name of the only stream, or how many of several are live."""
        if len(self.streams) > 1:
            live = sum(stream.state == "live" for stream in self.streams)
            total = f"{len(self.streams)} streams"
            return f"{live} of {total} live" if self.ingester is not None else total
        (stream,) = self.streams
        return f"{clean(stream.name, 40)} at {clean(stream.address, 40)}" if self.several else clean(stream.name, 40)


def lag_of(stream: StreamRow) -> float | None:
    """Seconds, by Redis' clock, between the newest entry of the stream and the newest stored entry."""
    if stream.head is None or stream.head == stream.position or stream.state == "live":
        return None
    try:
        head, position = (int(text.partition("-")[0]) for text in (stream.head, stream.position))
    except ValueError:
        return None
    return (head - position) / 1000 if head > position > 0 else None
