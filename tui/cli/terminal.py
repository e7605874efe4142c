"""The terminal of a command: whether there is one, and which characters it shows."""

import sys

import click

from tui.ascii_text import to_ascii


def require_terminal() -> None:
    """Raise UsageError if standard input or output is not a terminal."""
    if not is_terminal():
        message = "this is not a terminal; `treetop runs`, `treetop show` and `treetop ingest` work without one"
        raise click.UsageError(message, click.get_current_context())


def is_terminal() -> bool:
    """Whether standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def echo(text: str) -> None:
    """Print text, in ASCII if the terminal supports only that."""
    click.echo(to_ascii(text) if ascii_only() else text)


def ascii_only(choice: bool | None = None) -> bool:
    """The value of --ascii; None selects ASCII unless the encoding of standard output is a UTF."""
    return choice if choice is not None else "utf" not in (sys.stdout.encoding or "").lower()
