"""`treetop [RUN]` and `treetop demo`: the screens."""

import gc
import sys
from pathlib import Path

import click

from store.errors import FileBusy, FileOlder
from store.model.runaway import Budget
from tui.cli import option
from tui.cli.query import check_file, query
from tui.cli.terminal import ascii_only as ascii_from_locale
from tui.cli.terminal import require_terminal


def open_screens(
    db: Path,
    url: str,
    streams: tuple[str, ...],
    run: str | None,
    ingest: bool,
    light: bool,
    ascii_only: bool | None,
    budget: Budget,
    now: bool = False,
) -> int:
    """Open the list of runs, a run, or what all live runs do now; returns the exit code.

    Raises StoreError before the screens open.
    """
    reload = run is None and not now and option.reload_latest()
    try:
        check_file(db, run)
        if reload:
            run = "latest" if db.exists() and query(db, lambda reader: reader.count_runs()) else None
    except FileOlder:  # the ingester migrates the file, and the screen shows the progress
        if not ingest:
            raise
        run = "latest" if reload else run
    except FileBusy:  # the screen opens the file when the other program has released it
        run = "latest" if reload else run
    require_terminal()
    gc.disable()  # saves 6% of the CPU time up to the first picture; the application enables it afterwards
    try:
        from tui.app import Treetop

        ascii_only = ascii_from_locale(ascii_only)
        app = Treetop(db, url, streams, run, ingest=ingest, light=light, ascii_only=ascii_only, budget=budget, now=now)
        app.run()
    finally:
        gc.enable()
    return app.return_code or 0


@click.command()
@option.speed("3", "Multiple of the speed of real agents.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", default=7, help="Seed of the simulated runs.")
@click.option("--tasks", type=click.IntRange(3, 100_000), metavar="N", default=120, help="Tasks of the live run.")
@option.LIGHT
@option.ASCII
def demo(speed: float, seed: int, tasks: int, light: bool, ascii_only: bool | None) -> None:
    """Open the screens with simulated agents: five recorded runs and a live run.

    Starts a Redis server and creates a file of its own, and deletes both at the end. The live run takes about six minutes;
    after half a minute, one of its searches hangs for two minutes. Another run follows.
    """
    require_terminal()
    click.echo("treetop: preparing the demo ...", err=True)
    from tui.demo.program import run_demo

    sys.exit(run_demo(speed, seed, tasks, light, ascii_from_locale(ascii_only), option.pricer()))
