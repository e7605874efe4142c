"""`treetop replay`: a stored run, published again."""

import asyncio
from pathlib import Path

import click

from store.database.moment import Moment
from store.database.reader import Reader
from store.database.seek import position_of
from store.relay.replay import publish
from treetop.address import public
from tui import format as fmt
from tui.cli import option
from tui.text import clean


@click.command()
@option.RUN
@option.DB
@option.TO
@option.STREAMS
@option.speed("1", "Multiple of the original speed.")
@click.option(
    "--from",
    "position",
    metavar="POSITION",
    help="Start: event number, part (50%), time since the start (2m30s) or local time of day (14:03:20).",
)
def replay(run: str, db: Path, url: str, streams: tuple[str, ...], speed: float, position: str | None) -> None:
    """Publish a run to a stream again, at its original pace.

    RUN is the id of a run, the beginning of an id, or `latest`. Pauses are shortened to one second. The events are
    unchanged, including their ids, so an ingester that has stored them counts them as duplicates. Give --to or --stream to
    publish them elsewhere.
    """
    if len(streams) > 1:
        raise click.UsageError("a run is published to one stream; give one --stream")
    click.echo(asyncio.run(_replay(db, run, url, streams[0], speed, position)))


async def _replay(db: Path, name: str, url: str, stream: str, speed: float, position: str | None) -> str:
    async with Reader(db) as reader:
        moment = Moment(reader, await reader.resolve(name))
        await moment.load()
        begin = 0 if position is None else await position_of(moment, position)
        sent = 0

        def count(events: int) -> None:
            nonlocal sent
            sent += events

        await publish(reader, moment.run_id, begin, speed, url, stream, count)
    return f"published {fmt.exactly(sent, 'event')} of {clean(moment.run_id)} to {clean(stream)} at {public(url)}"
