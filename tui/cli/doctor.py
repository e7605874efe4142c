"""`treetop doctor`: findings about Redis, the file, the host and the terminal."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from store.doctor import Finding, check_file, check_host, check_redis
from treetop.address import location, stream_at
from tui.cli import option
from tui.cli.terminal import ascii_only
from tui.text import clean
from tui.theme import Glyphs

FINDING_CHARACTERS = 2_000
"""Maximum number of printed characters of a finding. A finding may contain two paths and a command."""


@click.command()
@option.DB
@option.REDIS
@option.STREAMS
@click.option("--deep", is_flag=True, help="Also check the structure of the whole file and the checksum of every event.")
def doctor(db: Path, url: str, streams: tuple[str, ...], deep: bool) -> None:
    """Check Redis, the streams, the file, the ingester and the terminal. Exits with 1 if something is wrong."""
    findings = [
        *check_redis(url, streams),
        *check_file(db, deep),
        *check_host(db, *(stream_at(stream, location(url)) for stream in streams)),
        *_check_terminal(),
    ]
    click.echo(_text(findings, Glyphs(ascii_only())))
    sys.exit(0 if all(finding.well for finding in findings) else 1)


def _check_terminal() -> Iterator[Finding]:
    term, size = os.environ.get("TERM", ""), shutil.get_terminal_size()
    colours = os.environ.get("COLORTERM") or ("none: NO_COLOR is set" if os.environ.get("NO_COLOR") else "from TERM")
    inside = ", inside tmux" if os.environ.get("TMUX") else ", inside screen" if term.startswith("screen") else ""
    yield Finding("terminal", f"TERM={term or 'not set'}, {size.columns}x{size.lines}, colours {colours}{inside}")
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        yield Finding(
            "terminal", f"its encoding is {encoding or 'unknown'}: only ASCII will be drawn; set LANG to a UTF-8 locale"
        )
    if term in ("", "dumb"):
        yield Finding("terminal", "the screens cannot be drawn here; the other commands work", well=False)


def _text(findings: Sequence[Finding], glyphs: Glyphs) -> str:
    """A line for each finding, marked as well or wrong, and a line with the number of wrong ones."""
    lines = [
        f"{glyphs('completed' if found.well else 'error')} {found.about:<9} {clean(found.text, FINDING_CHARACTERS)}"
        for found in findings
    ]
    wrong = sum(not found.well for found in findings)
    need = "needs" if wrong == 1 else "need"
    total = f"{wrong} of {len(findings)} findings {need} attention" if wrong else "no problems found"
    return "\n".join([*lines, "", total])
