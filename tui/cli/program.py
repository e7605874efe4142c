"""The command group `treetop`, and the exit code of each kind of error.

A command is imported when it runs, so that `treetop --help` stays quick.
"""

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from store.errors import FileLocked, StoreError
from treetop.address import mask
from tui.cli import option

USER_ERROR = 2
"""Exit code for errors that the user can correct: bad values, no Redis, a foreign file, an unknown run."""

HELD = 75
"""Exit code of commands that need the lease of a file (`ingest`, `rebuild`) if an ingester holds it."""

INTERRUPTED = 130
"""Exit code of a command that Ctrl+C ended: 128 plus the number of SIGINT."""

CLOSED = 141
"""Exit code of a command whose standard output was closed: 128 plus the number of SIGPIPE."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of writes that exceed a disk, a quota or a size limit."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    "ingest": ("ingest", "Store the events of streams, without a screen."),
    "runs": ("runs", "List the runs."),
    "show": ("show", "Print the tree of a run."),
    "now": ("now", "Show what all live runs are doing."),
    "stats": ("stats", "Print what took the time and the money."),
    "check": ("check", "Check that a run stayed within limits."),
    "export": ("transfer", "Write a run to one file."),
    "import": ("transfer", "Import an export, or another file of runs."),
    "doctor": ("doctor", "Check Redis, the streams, the file, the ingester and the terminal."),
    "prune": ("prune", "Delete old runs and rejected entries."),
    "rebuild": ("rebuild", "Derive runs, tasks and counts anew from the stored events."),
    "reprice": ("reprice", "Price the stored LLM calls anew."),
    "serve": ("serve", "Serve runs and events over HTTP and WebSocket."),
    "replay": ("replay", "Publish a run to a stream again."),
    "demo": ("screen", "Open the screens with simulated agents."),
}
"""By name of a command: the module of this package that defines it, and its line in `treetop --help`."""


class RunOrCommand(click.Group):
    """A group whose first argument may also be a run: `treetop latest` opens the latest one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        return next(
            found
            for found in vars(import_module(f"tui.cli.{module}")).values()
            if isinstance(found, click.Command) and found.name == cmd_name
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # caught here because click would exit with 1
            _discard_output()
            sys.exit(CLOSED)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        rest = super().parse_args(ctx, args)
        words = [*ctx._protected_args, *ctx.args]
        if not words or words[0] in COMMANDS:
            return rest
        if ctx.obj is not None:
            raise click.UsageError(f"{words[0]!r} is neither a command nor an option; give RUN alone", ctx)
        ctx.obj = words[0]  # options may also follow it
        ctx._protected_args, ctx.args = [], []
        del given[len(given) - len(words)]
        return self.parse_args(ctx, given)


def _discard_output() -> None:
    """Redirect buffered output to the null device: the interpreter flushes it at exit and would report the error again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@click.group(
    cls=RunOrCommand,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
    subcommand_metavar="[RUN] | COMMAND [ARGS]...",
)
@option.DB
@option.REDIS
@option.STREAMS
@option.PRICES
@option.LIGHT
@option.ASCII
@option.budget
@click.option("--no-ingest", is_flag=True, help="Show the file; store nothing and do not connect to Redis.")
@click.version_option(package_name="treetop", prog_name="treetop")
@click.pass_context
def treetop(
    ctx: click.Context,
    db: Path,
    url: str,
    streams: tuple[str, ...],
    light: bool,
    ascii_only: bool | None,
    budget_cost: float | None,
    budget_tokens: float | None,
    no_ingest: bool,
) -> None:
    """htop for trees of agents: watch live and recorded runs of recursive agents.

    Opens the list of runs, and stores the events that agents publish meanwhile. With RUN, opens that run. RUN is the id of
    a run, the beginning of an id, or `latest`.
    """
    if ctx.invoked_subcommand is None:
        from tui.cli.screen import open_screens

        budget = option.budget_of(budget_cost, budget_tokens)
        sys.exit(open_screens(db, url, streams, ctx.obj, not no_ingest, light, ascii_only, budget))


def main() -> NoReturn:
    """The console script. An error that the user can correct is one line on stderr; any other error is a traceback."""
    try:
        treetop(prog_name="treetop", standalone_mode=False)
    except FileLocked as error:
        _fail(str(error), HELD)
    except StoreError as error:
        _fail(str(error), USER_ERROR)
    except click.UsageError as error:
        where = "treetop" if error.ctx is None else error.ctx.command_path
        _fail(f"{error.format_message().rstrip('.')}; see {where} --help", USER_ERROR)
    except click.ClickException as error:
        _fail(error.format_message(), USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        _discard_output()
        advice = "make room, or set TMPDIR to another folder"
        _fail(f"{error.strerror}: standard output or its temporary copy cannot be written; {advice}", USER_ERROR)
    sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    """Print an error, with passwords masked, and exit."""
    click.echo(f"treetop: {mask(message)}", err=True)
    sys.exit(code)
