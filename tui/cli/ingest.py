"""`treetop ingest`: the ingester without a screen."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import click
import msgspec

from store.database.mount import warning_of
from store.stream.ingest import Ingester
from store.stream.report import print_line
from tui.cli import option


@click.command()
@option.DB
@option.REDIS
@option.STREAMS
@option.PRICES
@click.option("--drain", is_flag=True, help="Store what the stream holds now, print the counts as JSON, and exit.")
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input does.")
def ingest(db: Path, url: str, streams: tuple[str, ...], drain: bool, until_eof: bool) -> None:
    """Store the events that agents publish, without a screen, until stopped.

    Waits while Redis is unreachable; a stream that cannot be read does not delay the others. A file has one ingester at a
    time; screens may be opened and closed meanwhile. Exits with 75 if another ingester holds the file.
    """
    ingester = Ingester(db, url, *streams, pricing=option.pricer())
    if not until_eof and (warning := warning_of(db)):  # otherwise the parent process shows it
        print_line(f"{db}: {warning}", sys.stderr)
    if drain:
        click.echo(json.dumps(msgspec.to_builtins(ingester.drain())))
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, lambda *_: ingester.stop())
    failures: list[Exception] = []
    if until_eof:
        Thread(target=_until_eof, args=(ingester.stop, failures), daemon=True).start()
    ingester.run()
    for failure in failures:
        raise failure


def _until_eof(stop: Callable[[], None], failures: list[Exception]) -> None:
    """Call `stop` at the end of standard input, or when it cannot be read; the error is appended to `failures`."""
    try:
        while os.read(0, 4096):
            pass
    except Exception as error:
        failures.append(error)
    stop()
