"""The pictures in screenshots/: the real screens with the runs of the demo, at a fixed time.

    python -m tests.pictures           draw all pictures
    python -m tests.pictures --check   fail if a picture differs from its screen

A picture is an SVG exported by Textual, and a PNG drawn from it. The PNG contains the checksum of its SVG.
"""

import asyncio
import os
import re
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from operator import add
from pathlib import Path

from store.database.arrival import FIELD
from store.database.lease import Lease
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from tests.rest import rest
from tests.tui.stage import price
from tui.app import Treetop
from tui.demo import Scenario, simulate
from tui.demo.program import STREAM, record, recorded

FOLDER = Path(__file__).parent.parent / "screenshots"

NOW = datetime(2026, 3, 9, 14, 3, 20)
"""Time in all pictures, in UTC."""

LIVE_EVENTS = 415
"""Number of events of the live run."""


@dataclass(frozen=True)
class Picture:
    """A screen of a size, after pressing keys."""

    name: str
    size: tuple[int, int]
    keys: Sequence[str] = ()
    light: bool = False
    later: float = 0.0
    """Seconds since the last event, beyond those of other pictures."""


WIDE, SMALL = (160, 45), (80, 24)
WATERFALL = [*["down"] * 4, "enter", "g", "w", "j", "j", "right"]
"""Keys to the waterfall of the run that works in parallel."""


def seek(where: str) -> list[str]:
    """The keys that go to a position in time travel."""
    return ["T", *("percent_sign" if character == "%" else character for character in where), "enter"]


PICTURES = (
    Picture("runs-dark", (160, 34), ["down"]),
    Picture("runs-light", (160, 34), ["down"], light=True),
    Picture("run-dark", WIDE, ["F"]),
    Picture("run-light", WIDE, ["F"], light=True),
    Picture("plan-dark", WIDE, ["down", "down", "enter", "g", "3", *["j"] * 8]),
    Picture("error-light", WIDE, ["down", "down", "enter"], light=True),
    Picture("errors-dark", (120, 36), ["down", "down", "enter", "x"]),
    Picture("statistics-dark", WIDE, ["down", "enter", "5"]),
    Picture("tour-now", SMALL, ["enter"]),
    Picture("tour-failed", SMALL, ["down", "down", "down", "enter"]),
    Picture("tour-cost", SMALL, ["down", "enter", "G"]),
    Picture("help", (120, 40), ["F", "question_mark"]),
    Picture("travel-dark", WIDE, ["down", "enter", "t", *seek("60%")]),
    Picture("travel-light", WIDE, ["down", "enter", "t", *seek("60%")], light=True),
    *(
        Picture(f"now-{width}x{height}-{theme}", (width, height), ["n"], light=theme == "light", later=100.0)
        for width, height in (SMALL, (200, 50))
        for theme in ("dark", "light")
    ),
    Picture("waterfall-dark", (200, 50), WATERFALL),
    Picture("waterfall-light", (200, 50), WATERFALL, light=True),
    Picture("waterfall-80x24", SMALL, WATERFALL),
    Picture("waterfall-80x24-light", SMALL, WATERFALL, light=True),
)

STRIP = "travel-strip"
"""Name of the picture that consists of FRAMES."""

FRAMES = tuple(
    Picture(f"{STRIP}-{at}", (100, 28), ["down", "enter", "t", *seek(where)])
    for at, where in enumerate(("3%", "15%", "55%", "end"))
)
"""One run at four positions."""


def prepare(path: Path) -> Callable[[], float]:
    """Fill a file with the runs of the demo; returns a clock that stands still at the time of its last event."""
    for scenario in recorded(NOW, seed=7):
        record(path, scenario, pricing=price)
    scenario = Scenario(seed=7, nodes=60, start=NOW)
    begun = scenario.start.replace(tzinfo=UTC).timestamp()
    events = [published for published, _ in zip(simulate(scenario), range(LIVE_EVENTS), strict=False)]
    entries = [
        Entry(StreamId(int((begun + event.offset) * 1000), at), {FIELD: event.body}) for at, event in enumerate(events)
    ]
    now = begun + events[-1].offset + 2.4
    with Writer(path, clock=lambda: now, pricing=price) as writer:
        key = writer.stream(STREAM)
        before = writer.cursor(key)
        writer.append(entries, key, before, before)
        writer.report(key, "live", None, None, now)
    return lambda: now


async def draw(picture: Picture, path: Path, clock: Callable[[], float]) -> str:
    """The SVG of a picture."""
    time_of = partial(add, clock(), picture.later)
    app = Treetop(path, "redis://localhost:6379/0", [STREAM], ingest=False, light=picture.light, clock=time_of)
    async with app.run_test(size=picture.size) as pilot:
        await rest(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await rest(pilot)
        return app.export_screenshot(title="treetop")


def strip_of(frames: Sequence[str]) -> str:
    """One SVG of several of the same size, in two columns."""
    sizes = [re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', frame) for frame in frames]
    width, height = next((float(size[1]), float(size[2])) for size in sizes if size is not None)
    placed = (
        frame.replace("<svg ", f'<svg x="{at % 2 * width}" y="{at // 2 * height}" width="{width}" height="{height}" ', 1)
        for at, frame in enumerate(frames)
    )
    box = f"0 0 {2 * width} {(len(frames) + 1) // 2 * height}"
    return f'<svg viewBox="{box}" xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(placed) + "\n</svg>\n"


def png_of(svg: str) -> bytes:
    """The PNG of an SVG, drawn with Fira Code, with the checksum of the SVG in a text chunk."""
    import resvg_py

    spec = find_spec("fontpkg_fira_code")
    assert spec is not None
    assert spec.origin is not None
    fonts = [str(font) for font in Path(spec.origin).parent.rglob("*.ttf")]
    data = bytes(resvg_py.svg_to_bytes(svg_string=svg, font_files=fonts, font_family="Fira Code", skip_system_fonts=True))
    body = b"tEXt" + b"svg-sha256\0" + checksum(svg)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = data.rindex(b"IEND") - 4
    return data[:end] + chunk + data[end:]


def checksum(svg: str) -> bytes:
    """SHA-256 of an SVG, in hexadecimal."""
    return sha256(svg.encode()).hexdigest().encode()


def is_fresh(name: str, svg: str) -> bool:
    """Whether both files of a picture exist and are drawn from this SVG."""
    drawn, png = FOLDER / f"{name}.svg", FOLDER / f"{name}.png"
    return drawn.exists() and drawn.read_text("utf-8") == svg and png.exists() and checksum(svg) in png.read_bytes()


def main() -> int:
    """Draw or check all pictures; returns the exit code."""
    os.environ.update(TZ="UTC", TEXTUAL_ANIMATIONS="none")
    os.environ.pop("NO_COLOR", None)
    time.tzset()
    check, stale = "--check" in sys.argv[1:], []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        os.environ["XDG_STATE_HOME"] = folder  # not what the user's screens remember
        path = Path("treetop.db")
        clock = prepare(path)
        with Lease(path):
            drawn = {}
            for picture in PICTURES:
                drawn[picture.name] = asyncio.run(draw(picture, path, clock))
            drawn[STRIP] = strip_of([asyncio.run(draw(frame, path, clock)) for frame in FRAMES])
        for name, svg in drawn.items():
            if check:
                stale += [] if is_fresh(name, svg) else [name]
            else:
                (FOLDER / f"{name}.svg").write_text(svg, "utf-8")
                (FOLDER / f"{name}.png").write_bytes(png_of(svg))
    if stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; draw them again with `python -m tests.pictures`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
