"""The line above the keys: is what you see complete and current? Redis, lag, what was rejected, what was lost."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from store.record import StreamRow
from tui import format as fmt
from tui.text import clean
from tui.theme import Glyphs


class StatusBar(Widget):
    """Shows how ingest stands, by its own word and by that of its process."""

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $foreground 62%; padding: 0 1; }
    """

    stream: reactive[StreamRow | None] = reactive(None)
    ingester: reactive[str | None] = reactive(None)
    """Who stores events into the file, None when nobody does."""
    trouble: reactive[str] = reactive("")
    """What is wrong with the ingester or the file; empty when nothing is."""
    file: reactive[str] = reactive("")

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def render(self) -> RenderResult:
        dot = (f" {self._glyphs('dot')} ", "$foreground 38%")
        parts: list[str | tuple[str, str]] = [self._state()]
        stream = self.stream
        if stream is not None:
            lag = lag_of(stream)
            if lag and self.ingester is not None:
                parts += [dot, (f"lag {fmt.duration(lag)}", "bold $warning")]
            parts += [dot, f"{fmt.count(stream.stored)} stored"]
            if stream.duplicate:
                parts += [dot, f"{fmt.count(stream.duplicate)} repeated"]
            if stream.rejected:
                parts += [dot, (f"{fmt.count(stream.rejected)} rejected", "bold $warning")]
            if stream.gaps:
                lost = "unknown number" if stream.lost is None else fmt.count(stream.lost)
                parts += [dot, (f"{stream.gaps} gap{'' if stream.gaps == 1 else 's'}, {lost} lost", "bold $error")]
            parts += [dot, clean(stream.name, 40)]
        parts += [dot, (clean(self.file, 120), "$foreground 38%")]
        return Content.assemble(*parts).truncate(self.size.width, ellipsis=True)

    def _state(self) -> tuple[str, str]:
        running, silent = self._glyphs("running"), self._glyphs("silent")
        if self.ingester is None:
            return (f"{silent} not ingesting" + (f": {clean(self.trouble, 160)}" if self.trouble else ""), "$warning")
        if self.trouble:
            return f"{self._glyphs('error')} {clean(self.trouble, 160)}", "bold $error"
        if self.stream is None:
            return f"{silent} starting", "$foreground 62%"
        reason = clean(self.stream.reason or "", 160)
        match self.stream.state:
            case "live":
                return f"{running} redis", "$success"
            case "reading":
                return f"{running} catching up", "$warning"
            case "away":
                return f"{self._glyphs('error')} redis away: {reason}", "bold $error"
            case "refused":
                return f"{self._glyphs('error')} redis refuses: {reason}", "bold $error"
            case state:
                return f"{silent} {state}", "$foreground 62%"


def lag_of(stream: StreamRow) -> float | None:
    """Seconds of Redis' clock between the newest entry of the stream, as last seen, and the newest that is stored."""
    if stream.head is None or stream.head == stream.position or stream.state == "live":
        return None
    try:
        head, position = (int(text.partition("-")[0]) for text in (stream.head, stream.position))
    except ValueError:
        return None
    return (head - position) / 1000 if head > position > 0 else None
