"""The pictures in screenshots/: the real screens, showing the runs of the demo at a fixed moment.

    python -m tests.pictures           draw them all again
    python -m tests.pictures --check   fail if a screen no longer looks like its picture

Each is an SVG as Textual exports it, and a PNG made of it, which carries the checksum of its SVG.
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
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from store.cursor import Entry
from store.events import StreamId
from store.lease import Lease
from store.simulator import Scenario, simulate
from store.writer import FIELD, Writer
from tests.rest import rest
from tui.app import Treetop
from tui.demo import STREAM, record, recorded

FOLDER = Path(__file__).parent.parent / "screenshots"

NOW = datetime(2026, 3, 9, 14, 3, 20)
LIVE_EVENTS = 415
"""How far the live run has got."""


@dataclass(frozen=True)
class Picture:
    """A screen of some size, after some keys."""

    name: str
    size: tuple[int, int]
    keys: Sequence[str] = ()
    light: bool = False


WIDE, SMALL = (160, 45), (80, 24)


def seek(where: str) -> list[str]:
    """The keys that go to a place in the past."""
    return ["T", *("percent_sign" if character == "%" else character for character in where), "enter"]


PICTURES = (
    Picture("runs-dark", (160, 34), ["down"]),
    Picture("runs-light", (160, 34), ["down"], light=True),
    Picture("run-dark", WIDE, ["F"]),
    Picture("run-light", WIDE, ["F"], light=True),
    Picture("plan-dark", WIDE, ["down", "down", "enter", "3", *["j"] * 8]),
    Picture("error-light", WIDE, ["down", "down", "enter", "e", "e", "b", "3", *["j"] * 3], light=True),
    Picture("run-80x24", SMALL, ["F"]),
    Picture("help", (100, 40), ["F", "question_mark"]),
    Picture("travel-dark", WIDE, ["down", "enter", "t", *seek("60%")]),
    Picture("travel-light", WIDE, ["down", "enter", "t", *seek("60%")], light=True),
)

STRIP = "travel-strip"
"""One run at four of its moments, as one picture."""
FRAMES = tuple(
    Picture(f"{STRIP}-{at}", (100, 28), ["down", "enter", "t", *seek(where)])
    for at, where in enumerate(("3%", "15%", "55%", "end"))
)


def prepare(path: Path) -> Callable[[], float]:
    """Fill a file as the demo's would be; gives the clock that shows the moment at which it was."""
    for scenario in recorded(NOW, seed=7):
        record(path, scenario)
    scenario = Scenario(seed=7, nodes=60, start=NOW)
    begun = scenario.start.replace(tzinfo=UTC).timestamp()
    events = [published for published, _ in zip(simulate(scenario), range(LIVE_EVENTS), strict=False)]
    entries = [
        Entry(StreamId(int((begun + event.offset) * 1000), at), {FIELD: event.body}) for at, event in enumerate(events)
    ]
    now = begun + events[-1].offset + 2.4
    with Writer(path, clock=lambda: now) as writer:
        key = writer.stream(STREAM)
        before = writer.cursor(key)
        writer.append(entries, key, before, before)
        writer.report(key, "live", None, None, now)
    return lambda: now


async def draw(picture: Picture, path: Path, clock: Callable[[], float]) -> str:
    """The picture as SVG."""
    app = Treetop(path, "redis://localhost:6379/0", STREAM, ingest=False, light=picture.light, clock=clock)
    async with app.run_test(size=picture.size) as pilot:
        await rest(pilot)
        for key in picture.keys:
            await pilot.press(key)
            await rest(pilot)
        return app.export_screenshot(title="treetop")


def strip_of(frames: Sequence[str]) -> str:
    """Pictures of one size, two beside each other, as one SVG."""
    sizes = [re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', frame) for frame in frames]
    width, height = next((float(size[1]), float(size[2])) for size in sizes if size is not None)
    placed = (
        frame.replace("<svg ", f'<svg x="{at % 2 * width}" y="{at // 2 * height}" width="{width}" height="{height}" ', 1)
        for at, frame in enumerate(frames)
    )
    box = f"0 0 {2 * width} {(len(frames) + 1) // 2 * height}"
    return f'<svg viewBox="{box}" xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(placed) + "\n</svg>\n"


def png_of(svg: str) -> bytes:
    """The picture as PNG, drawn with Fira Code, with the checksum of the SVG in a text chunk."""
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
    """Of a picture, in hexadecimal."""
    return sha256(svg.encode()).hexdigest().encode()


def is_fresh(name: str, svg: str) -> bool:
    """Are both files of a picture there, and made of what the screen looks like now?"""
    drawn, png = FOLDER / f"{name}.svg", FOLDER / f"{name}.png"
    return drawn.exists() and drawn.read_text("utf-8") == svg and png.exists() and checksum(svg) in png.read_bytes()


def main() -> int:
    """Draw, or check; gives the exit code."""
    os.environ.update(TZ="UTC", TEXTUAL_ANIMATIONS="none")
    os.environ.pop("NO_COLOR", None)
    time.tzset()
    check, stale = "--check" in sys.argv[1:], []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
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
