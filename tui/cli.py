"""The command line: arguments to objects. Imports what a command needs when it runs, so that `--help` is quick."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from store.errors import FileOlder, StoreError

WRONG = 2
"""Exit code for whatever the user can mend: bad values, no Redis, a file that is not ours, an unknown run."""

HELD = 75
"""Exit code of `treetop ingest` when another ingester holds the file: try again later."""

LATEST = "latest"


def _before_command(ctx: click.Context, option: click.Parameter, value: Any) -> Any:
    """An option may also stand before the command: then, too, it wins over the environment."""

    def given(context: click.Context | None) -> bool:
        source = None if context is None else context.get_parameter_source(option.name or "")
        return source is click.core.ParameterSource.COMMANDLINE

    if ctx.parent is not None and given(ctx.parent) and not given(ctx):
        return ctx.parent.params[option.name or ""]
    return value


_db = click.option(
    "--db",
    callback=_before_command,
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SQLITE_DB_PATH",
    default="events.db",
    show_default=True,
    show_envvar=True,
    help="The file that holds the runs.",
)
_redis = click.option(
    "--redis",
    "url",
    callback=_before_command,
    metavar="URL",
    envvar="REDIS_URL",
    default="redis://localhost:6379/0",
    show_default=True,
    show_envvar=True,
    help="Where agents publish.",
)
_stream = click.option(
    "--stream",
    callback=_before_command,
    metavar="NAME",
    envvar="EVENT_STREAM",
    default="agent_events",
    show_default=True,
    show_envvar=True,
    help="The stream they publish to.",
)
_light = click.option("--light", is_flag=True, help="Begin with the light theme.")
_ascii = click.option(
    "--ascii", "ascii_only", is_flag=True, default=None, help="Draw with ASCII only.  [default: as the locale says]"
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class RunOrCommand(click.Group):
    """A group whose first word may also be the name of a run: `treetop latest` opens it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        rest = super().parse_args(ctx, args)
        words = [*ctx._protected_args, *ctx.args]
        if not words or words[0] in self.commands:
            return rest
        if ctx.obj is not None:
            raise click.UsageError(f"{words[0]!r} is neither a command nor an option; a run's name stands alone", ctx)
        ctx.obj = words[0]  # options may also follow it
        ctx._protected_args, ctx.args = [], []
        del given[len(given) - len(words)]
        return self.parse_args(ctx, given)


@click.group(
    cls=RunOrCommand,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="[RUN] | COMMAND [ARGS]...",
)
@_db
@_redis
@_stream
@_light
@_ascii
@click.option("--no-ingest", is_flag=True, help="Store nothing: show the file as it is, without asking for Redis.")
@click.version_option(package_name="treetop", prog_name="treetop")
@click.pass_context
def treetop(
    ctx: click.Context, db: Path, url: str, stream: str, light: bool, ascii_only: bool | None, no_ingest: bool
) -> None:
    """htop for trees of agents: watch live and recorded runs of recursive agents.

    Opens the list of runs, and stores what agents publish while it is open. RUN is the id of a run, the beginning of
    one, or `latest`: that run is opened at once.
    """
    if ctx.invoked_subcommand is not None:
        return
    run = ctx.obj
    reload = run is None and os.environ.get("RELOAD_LATEST_SESSION", "").lower() in ("1", "true", "yes")
    try:
        _check_file(db, run)
        if reload:
            run = LATEST if db.exists() and _read(db, lambda reader: reader.count_runs()) else None
    except FileOlder:  # our ingester brings it up to date; until then it can not be asked
        if no_ingest:
            raise
        run = LATEST if reload else run
    _need_terminal()
    gc.disable()  # what is made up to the first picture stays; the application enables it when that is drawn
    try:
        from tui.app import Treetop

        app = Treetop(db, url, stream, run, ingest=not no_ingest, light=light, ascii_only=_ascii_only(ascii_only))
        app.run()
    finally:
        gc.enable()
    sys.exit(app.return_code)


def _check_file(db: Path, run: str | None) -> None:
    """Refuse before the screen is taken what can not work."""
    from store.database import check_readable
    from store.errors import FileMissing

    if db.exists() or run is not None:
        check_readable(db)
    elif not db.absolute().parent.is_dir():
        raise FileMissing(f"{db}: there is no folder {db.absolute().parent}; make it, or name another file with --db")
    if run is not None:
        _read(db, lambda reader: reader.resolve(run))


def _need_terminal() -> None:
    """Refuse where the screens could neither be seen nor left."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        said = "this is no terminal; `treetop runs`, `treetop show` and `treetop ingest` work without one"
        raise click.UsageError(said, click.get_current_context())


def _ascii_only(wish: bool | None) -> bool:
    return wish if wish is not None else "utf" not in (sys.stdout.encoding or "").lower()


def _read(db: Path, question: "Callable[[Any], Any]") -> Any:
    """Ask a reader of the file one thing."""
    import asyncio

    from store.reader import Reader

    async def ask() -> Any:
        async with Reader(db) as reader:
            return await question(reader)

    return asyncio.run(ask())


@treetop.command()
@_db
@_redis
@_stream
@click.option("--drain", is_flag=True, help="Store what the stream holds now, print the counts as JSON, and end.")
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input does.")
def ingest(db: Path, url: str, stream: str, drain: bool, until_eof: bool) -> None:
    """Store what agents publish, without a screen, until stopped.

    Waits for Redis when it is not there. One ingester at a time can work on a file; screens may come and go.
    """
    import json
    import signal
    import threading

    import msgspec

    from store.errors import FileLocked
    from store.ingest import Ingester

    ingester = Ingester(db, url, stream)
    failures: list[Exception] = []
    try:
        if drain:
            click.echo(json.dumps(msgspec.to_builtins(ingester.drain())))
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
                signal.signal(number, lambda *_: ingester.stop())
        if until_eof:
            threading.Thread(target=_until_eof, args=(ingester.stop, failures), daemon=True).start()
        ingester.run()
        for failure in failures:
            raise failure
    except FileLocked as error:
        click.echo(f"treetop: {error}", err=True)
        sys.exit(HELD)


def _until_eof(stop: Callable[[], None], failures: list[Exception]) -> None:
    """Wait for the end of standard input. If that can not be done, nobody would end us either: then stop, too."""
    try:
        while os.read(0, 4096):
            pass
    except Exception as error:
        failures.append(error)
    stop()


@treetop.command()
@_db
@_json
def runs(db: Path, as_json: bool) -> None:
    """List the runs in the file, newest first."""
    from tui import report

    rows = _read(db, lambda reader: reader.runs())
    click.echo(report.runs_json(rows) if as_json else report.runs_text(rows))


@treetop.command()
@click.argument("run")
@_db
@click.option(
    "--at",
    metavar="POSITION",
    help="As it was then: an event number, a part (50%), a time of day (14:03:20), or since the start (2m30s, 23:57.5).",
)
@_json
def show(run: str, db: Path, at: str | None, as_json: bool) -> None:
    """Print the tree of RUN: an id, the beginning of one, or `latest`."""
    from tui import report

    async def load(reader: Any) -> Any:
        return await _state(reader, await reader.resolve(run), at)

    state = _read(db, load)
    click.echo(report.run_json(state) if as_json else report.run_text(state, _ascii_only(None), at is not None))


async def _state(reader: Any, run_id: str, at: str | None) -> Any:
    """A run with all that is in it, as it is or as it was."""
    from store.view import View

    async with View(reader, run_id) as view:
        if at is not None:
            from tui.models import seek
            from tui.screens.travel import Travel

            try:
                target = seek.parse(at)
            except ValueError as error:
                raise click.BadParameter(f"{at!r} is no position: {error}", param_hint="--at") from error
            view.go(await Travel().place(view, target, None))
            await view.look()
        return await view.state()


@treetop.command()
@_db
@_redis
@_stream
@click.option("--deep", is_flag=True, help="Also compare every stored event with its checksum.")
def doctor(db: Path, url: str, stream: str, deep: bool) -> None:
    """Check Redis, the stream, the file, the ingester and this terminal; exit code 1 when something is wrong."""
    from tui import report

    findings = report.examine(db, url, stream, deep)
    click.echo(report.findings_text(findings, _ascii_only(None)))
    sys.exit(0 if all(finding.well for finding in findings) else 1)


@treetop.command()
@_db
@click.option("--older-than", metavar="AGE", help="Prune runs whose last event is older, like 30d, 12h, 90m.")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Prune all but the newest N runs.")
@click.option("--larger-than", metavar="SIZE", help="Prune the oldest runs until the rest is at most so large, like 2GB.")
@click.option("--yes", is_flag=True, help="Really do it; without, only say what would go.")
def prune(db: Path, older_than: str | None, keep: int | None, larger_than: str | None, yes: bool) -> None:
    """Delete old runs and give their space back to the disk.

    Says what would go; does it with --yes. Live runs and those marked as ones to keep always stay.
    """
    import time

    from store import prune as pruning
    from tui import format as fmt
    from tui import report

    if older_than is None and keep is None and larger_than is None:
        raise click.UsageError("nothing to go by; give --older-than, --keep or --larger-than", click.get_current_context())
    rule = pruning.Rule(_amount(older_than, AGES), keep, _amount(larger_than, SIZES))
    rows, heard = _read(db, lambda reader: reader.runs()), _read(db, lambda reader: reader.arrivals())
    doomed = pruning.choose(rows, rule, time.time(), heard)
    if not doomed:
        freed = pruning.prune(db, ()) if yes else 0  # also what was broken off is finished
        click.echo(f"nothing to prune{f'; the file is {freed:,} bytes smaller' if freed > 0 else ''}")
        return
    many = fmt.exactly(len(doomed), "run")
    click.echo(report.runs_text(doomed))
    if yes:
        freed = pruning.prune(db, [row.run.run_id for row in doomed])
        click.echo(f"pruned {many}; the file is {freed:,} bytes smaller")
    else:
        click.echo(f"{many} would go; add --yes to do it")


AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SIZES = {"B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}


def _amount(text: str | None, units: dict[str, int]) -> int | None:
    """`30d` or `2GB` as a number of seconds or bytes."""
    if text is None:
        return None
    number, unit = text.rstrip("".join(units)), text[len(text.rstrip("".join(units))) :]
    try:
        return round(float(number) * units[unit])
    except (ValueError, KeyError, OverflowError):
        raise click.UsageError(
            f"{text!r} is not a number with one of {', '.join(units)}", click.get_current_context()
        ) from None


@treetop.command()
@click.argument("run")
@_db
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; packed when it ends in .gz.  [default: standard output]",
)
@click.option("--redact/--no-redact", default=True, show_default=True, help="Take out keys, tokens and passwords.")
def export(run: str, db: Path, output: Path | None, redact: bool) -> None:
    """Write RUN (an id, the beginning of one, or `latest`) to one file: JSON Lines, every event as published."""
    from tui.transfer import save

    click.echo(save(db, _read(db, lambda reader: reader.resolve(run)), output, redact), err=True)


@treetop.command("import")
@click.argument("source", metavar="FILE")
@_db
def import_(source: str, db: Path) -> None:
    """Take in what `treetop export` wrote, or the database of a reference server; FILE may be - for standard input.

    What is there already is left alone: the same file twice changes nothing. Others may be writing meanwhile.
    """
    from tui.transfer import load

    click.echo(load(db, source))


@treetop.command()
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=10.0, show_default=True, help="Times faster than real.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another run.")
@click.option("--nodes", type=click.IntRange(3, 100_000), default=60, show_default=True, help="Size of the live run.")
@_light
@_ascii
def demo(speed: float, seed: int, nodes: int, light: bool, ascii_only: bool | None) -> None:
    """Show what treetop does, with simulated agents: three recorded runs, and one that grows while you watch.

    Needs nothing, and leaves nothing behind: it has its own Redis and its own file, both gone at the end.
    """
    _need_terminal()
    click.echo("treetop: preparing the demo ...", err=True)
    from tui.demo import run_demo

    sys.exit(run_demo(speed, seed, nodes, light, _ascii_only(ascii_only)))


def main() -> NoReturn:
    """The console script. What goes wrong for a known reason is one line on stderr and exit code 2."""
    try:
        treetop(prog_name="treetop", standalone_mode=False)
    except StoreError as error:
        click.echo(f"treetop: {error}", err=True)
        sys.exit(WRONG)
    except click.UsageError as error:
        where = "treetop" if error.ctx is None else error.ctx.command_path
        click.echo(f"treetop: {error.format_message().rstrip('.')}; see {where} --help", err=True)
        sys.exit(WRONG)
    except click.ClickException as error:
        click.echo(f"treetop: {error.format_message()}", err=True)
        sys.exit(WRONG)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    sys.exit(0)


if __name__ == "__main__":
    main()
