"""`treetop serve`: the relay, with an ingester beside it."""

import asyncio
import logging
import resource
import signal
import sys
from pathlib import Path

import click

from store.database.file import check_readable
from store.database.mount import warning_of
from store.errors import AddressUnusable, FileError, StoreError
from store.relay.application import Relay
from store.relay.security import Access, is_loopback
from store.relay.server import CONNECTIONS_MAX, RelayServer, listen
from store.relay.server import serve as serve_relay
from store.stream.report import print_line
from treetop.address import location, stream_at
from tui.cli import option
from tui.cli.console import Console
from tui.cli.query import check_file
from tui.ingester_process import IngesterProcess

REDIS_CHECK_INTERVAL_S = 1.0
"""Seconds between two checks whether the ingester reaches Redis."""


class TokenMissing(StoreError):
    """Other machines can reach the address, and there is no token."""


@click.command()
@option.DB
@option.REDIS
@option.STREAMS
@option.PRICES
@click.option(
    "--host",
    metavar="HOST",
    envvar="WS_HOST",
    default="127.0.0.1",
    show_envvar=True,
    help="Address to listen at. Any but a loopback address requires a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="N",
    envvar="WS_PORT",
    default=9999,
    show_envvar=True,
    help="Port to listen at; 0 for a free port.",
)
@click.option(
    "--web",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a web page to serve instead of the built-in page.",
)
@click.option("--token", metavar="TOKEN", envvar="TREETOP_TOKEN", show_envvar=True, help="Token that clients must send.")
@click.option(
    "--allow-host",
    "names",
    metavar="NAME",
    multiple=True,
    help="Accept this host name in requests, for a proxy. May be repeated.",
)
@click.option(
    "--reload/--no-reload",
    "reload",
    default=None,
    help="Send the latest run first, then live events.  [env var: RELOAD_LATEST_SESSION]",
)
@click.option("--redact", is_flag=True, help="Redact keys, tokens and passwords.")
@click.option("--no-ingest", is_flag=True, help="Serve the file; store nothing and do not connect to Redis.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def serve(
    db: Path,
    url: str,
    streams: tuple[str, ...],
    host: str,
    port: int,
    web: Path | None,
    token: str | None,
    names: tuple[str, ...],
    reload: bool | None,
    redact: bool,
    no_ingest: bool,
    quiet: bool,
) -> None:
    """Serve runs and events over HTTP and WebSocket, to web pages and scripts.

    Stores the events that agents publish meanwhile, unless another ingester does. GET /api describes all addresses.
    """
    check_file(db)
    if no_ingest:
        check_readable(db)
    _allow_connections()
    logging.basicConfig(format="treetop: %(message)s", level=logging.ERROR)
    reload = option.reload_latest() if reload is None else reload
    access, console = _access(host, token, names), Console(sys.stdout, quiet)
    ingester = None if no_ingest else IngesterProcess(db, url, streams, console.trouble)
    if ingester is not None and (warning := warning_of(db)):
        print_line(f"treetop: {db}: {warning}", sys.stderr)

    sources = {stream_at(stream, location(url)) for stream in streams}
    sockets = listen(host, port)

    async def run() -> int:
        relay = Relay(db, access, web=web, reload=reload, redact=redact, log=console.print)
        beside = [console.keep_current(relay)]
        if ingester is not None:
            beside += [
                ingester.keep_running(),
                _watch_redis(relay, sources, console),
            ]
        address = f"{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}"
        events = "the latest run, then live events" if reload else "live events"
        greeting = f"serving {db} at http://{address}/{'login?token=...' if token else ''} (/ws/events: {events})"
        server, code = RelayServer(relay), 0
        stopping: list[asyncio.Task[None]] = []

        def stop(number: signal.Signals) -> None:
            nonlocal code
            code = 128 + number
            server.stop()
            if ingester is not None:  # stops while the server closes its sockets
                stopping.append(asyncio.create_task(ingester.stop()))

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
                asyncio.get_running_loop().add_signal_handler(number, stop, number)
        tasks = [asyncio.create_task(work) for work in beside]
        try:
            await serve_relay(relay, server, sockets, lambda: console.print(f"treetop: {greeting}"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*stopping)
            if ingester is not None:
                await ingester.stop()
            console.clear()
        return code

    sys.exit(asyncio.run(run()))


def _allow_connections() -> None:
    """Raise the limit of open files to what CONNECTIONS_MAX clients need, as far as permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS_MAX
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _access(host: str, token: str | None, names: tuple[str, ...]) -> Access:
    """The access rules of the server. Raises TokenMissing, AddressUnusable."""
    try:
        loopback = is_loopback(host)
    except (OSError, UnicodeError) as error:
        raise AddressUnusable(f"{host}: has no address ({error}); name another with --host") from error
    if not loopback and not token:
        raise TokenMissing(
            f"{host}: can be reached from other machines, so a token is needed; set TREETOP_TOKEN, or use --host 127.0.0.1"
        )
    return Access(host, loopback, token or None, names)


async def _watch_redis(relay: Relay, ours: set[str], console: Console) -> None:
    """Print an error when the ingester cannot read a stream, until cancelled. `ours`: names and servers of the streams."""
    states = {"away": "cannot be reached; it is tried again", "refused": "refuses access"}
    reported = ""
    while True:
        await asyncio.sleep(REDIS_CHECK_INTERVAL_S)
        try:
            rows = await relay.feed.reader.streams()
        except FileError:
            continue
        troubles = [
            (f"{row.name}: " if len(ours) > 1 else "") + f"Redis {states[row.state]} ({row.reason})"
            for row in rows
            if row.state in states and stream_at(row.name, row.address) in ours
        ]
        trouble = "; ".join(troubles)
        if trouble != reported:
            console.trouble(trouble)
            reported = trouble
