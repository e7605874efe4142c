"""Load on `treetop serve`: live clients, a backlog, a long history, a soak, and idle clients.

    python -m tests.bench.relay [--json] [--clients 100] [--rate 1000] [--seconds 10] [--history 100000] [--soak 30]

All processes share this machine: redis-server, the publisher, `treetop ingest`, `treetop serve`, and one process for all
clients. The latency of an event is the time from its row (found by polling every millisecond) to its frame at a client.
"""

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import redis
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from store.database.arrival import FIELD
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer
from tests.bench.figure import Figures, percentile, table
from tests.bench.relay_process import STREAM, Client, bodies, ingesting, program, publish, serving, take_all, watch


def framed_size(events: list[bytes]) -> int:
    """Bytes of the frames of these events."""
    return sum(len(body) + (2 if len(body) < 126 else 4 if len(body) < 65_536 else 10) for body in events)


def measure_live(folder: Path, clients: int, rate: float, seconds: float, figures: Figures) -> None:
    """Clients that get each event as it is stored, and their cost for the ingester."""
    events = bodies(int(rate * seconds) + 1)
    lags = {0: ingest_lag(folder / "alone.db", events, rate)}
    path, seen = folder / "live.db", list[float]()
    with RedisServer() as server, ingesting(path, server.url), serving(path) as (port, process):
        publish(server.url, events[:1], rate)
        watch(path, 1, seen)
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        work = multiprocessing.get_context("spawn").Process(
            target=take_all, args=(port, "/ws/events?run=latest&after=1", clients, framed_size(events[1:]), theirs)
        )
        work.start()
        ours.recv()
        process.mark()
        lags[clients] = ingest_lag(path, events[1:], rate, server.url, seen)
        times, complete = ours.recv()
        load, peak = process.load, process.peak
        work.join()
    delays = sorted((got - there) * 1000 for one in times for got, there in zip(one, seen[1:], strict=True))
    note = f"{rate:,.0f} events/s of 2 kB for {seconds:g} s"
    figures.add("clients with every event", complete, "of all", size=clients, where="socket", note=note)
    figures.add("commit to frame, p50", percentile(delays, 0.5), "ms", size=clients, where="socket")
    figures.add("commit to frame, p99", percentile(delays, 0.99), "ms", size=clients, where="socket")
    figures.add("processor of the server", load, "% of a core", size=clients, where="socket")
    figures.add("memory of the server, peak", peak, "MB", size=clients, where="socket")
    (lag, rate_alone), (lag_beside, rate_beside) = lags[0], lags[clients]
    figures.add("publish to commit, p99, without clients", lag, "ms", size=clients, where="file")
    figures.add("publish to commit, p99", lag_beside, "ms", size=clients, where="file")
    figures.add(
        "events stored a second, of that without clients", 100 * rate_beside / rate_alone, "%", size=clients, where="file"
    )


def ingest_lag(
    path: Path, events: list[bytes], rate: float, url: str | None = None, seen: list[float] | None = None
) -> tuple[float, float]:
    """p99 of the milliseconds from publishing an event to its row, and rows stored per second."""
    if url is None:
        with RedisServer() as server, ingesting(path, server.url):
            return ingest_lag(path, events, rate, server.url)
    found = [] if seen is None else seen
    before = len(found)
    publisher = threading.Thread(target=publish, args=(url, events, rate))
    begun = time.monotonic()
    publisher.start()
    watch(path, before + len(events), found)
    publisher.join()
    lag = percentile([(at - begun - number / rate) * 1000 for number, at in enumerate(found[before:])], 0.99)
    return lag, (len(events) - 1) / (found[-1] - found[before])


def measure_ingest(folder: Path, clients: int, count: int, figures: Figures) -> None:
    """Rate at which a backlog is stored, without and with clients that get all of it."""
    events = bodies(count)
    rates = {}
    for number in (0, clients):
        path = folder / f"backlog-{number}.db"
        with Writer(path) as writer:
            writer.append([Entry(StreamId(1, 0), {FIELD: events[0]})])
        with RedisServer() as server, serving(path) as (port, _):
            with redis.Redis.from_url(server.url) as client:
                for at in range(1, count, 1_000):
                    pipe = client.pipeline(transaction=False)
                    for body in events[at : at + 1_000]:
                        pipe.xadd(STREAM, {FIELD: body})
                    pipe.execute()
            work = None
            if number:
                ours, theirs = multiprocessing.get_context("spawn").Pipe()
                work = multiprocessing.get_context("spawn").Process(
                    target=take_all, args=(port, "/ws/events?run=latest&after=1", number, framed_size(events[1:]), theirs)
                )
                work.start()
                ours.recv()
            begun = time.monotonic()
            drain = program("ingest", "--drain", "--db", str(path), "--redis", server.url, "--stream", STREAM)
            subprocess.run(drain, check=True, capture_output=True)
            rates[number] = (count - 1) / (time.monotonic() - begun)
            if work is not None:
                ours.recv()
                work.join()
    figures.add("backlog stored without clients", rates[0], "events/s", size=clients, where="file")
    figures.add("backlog stored, of that", 100 * rates[clients] / rates[0], "%", size=clients, where="file")


def record(path: Path, count: int) -> None:
    """Write a file with one run of `count` events."""
    with Writer(path) as writer:
        entries = [Entry(StreamId(1 + number, 0), {FIELD: body}) for number, body in enumerate(bodies(count))]
        for at in range(0, len(entries), 2_000):
            writer.append(entries[at : at + 2_000])


def send_bare(count: int, pipe: Connection) -> None:
    """A bare websockets server with all messages in memory."""
    texts = [body.decode() for body in bodies(count)]

    async def work() -> None:
        async def handle(client: ServerConnection) -> None:
            for text in texts:
                await client.send(text)

        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            pipe.send(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(pipe.recv)

    asyncio.run(work())


async def frames_a_second(port: int, path: str, count: int) -> float:
    """Frames per second with the client of a library."""
    async with connect(f"ws://127.0.0.1:{port}{path}", compression=None, max_size=None, proxy=None) as client:
        await client.recv()
        begun = time.monotonic()
        for _ in range(count - 1):
            await client.recv()
        return (count - 1) / (time.monotonic() - begun)


def bytes_a_second(port: int, path: str, count: int, wire: int) -> float:
    """Events per second with a client that only receives bytes."""
    client = Client(port, path, timed=False)
    begun = time.monotonic()
    while client.size < wire:
        client.take()
    client.socket.close()
    return count / (time.monotonic() - begun)


def measure_history(folder: Path, count: int, figures: Figures) -> None:
    """A long run to one client, compared with a server that only sends."""
    path = folder / "history.db"
    record(path, count)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    bare = context.Process(target=send_bare, args=(count, theirs))
    bare.start()
    bare_port = ours.recv()
    with serving(path) as (port, process):
        rates = {"treetop": 0.0, "websockets": 0.0}
        for _ in range(2):  # alternating; the first round only warms the caches
            rates["websockets"] = asyncio.run(frames_a_second(bare_port, "/", count))
            rates["treetop"] = asyncio.run(frames_a_second(port, "/ws/events?run=latest", count))
        raw = bytes_a_second(port, "/ws/events?run=latest", count, framed_size(bodies(count)))
        peak = process.peak
    ours.send("end")
    bare.join()
    for of, rate in rates.items():
        figures.add("history, to a client library", rate, "frames/s", size=count, of=of, where="socket")
    ratio = 100 * rates["treetop"] / rates["websockets"]
    figures.add("history, of a bare server", ratio, "%", size=count, where="socket")
    figures.add("history, to a client that only takes bytes", raw, "frames/s", size=count, where="socket")
    figures.add("memory of the server, peak", peak, "MB", size=count, where="socket")


def measure_soak(folder: Path, seconds: float, figures: Figures) -> None:
    """Clients that connect, receive and leave while events arrive: memory at the start, after a third, at the end."""
    path, events = folder / "soak.db", bodies(int(200 * seconds) + 1)
    with RedisServer() as server, ingesting(path, server.url), serving(path) as (port, process):
        publish(server.url, events[:1], 200)
        publisher = threading.Thread(target=publish, args=(server.url, events[1:], 200))
        publisher.start()
        begun, memory, came = time.monotonic(), [process.memory], 0
        while (spent := time.monotonic() - begun) < seconds:
            for path_ in ("/ws/events", "/ws/runs/latest", "/ws/runs", "/ws/events?run=latest"):
                client = Client(port, path_, timed=False)
                client.socket.settimeout(5.0)
                if path_ != "/ws/events":
                    client.take()
                client.socket.close()
                came += 1
            memory.append(process.memory)
            if spent < seconds / 3:
                third = len(memory)
        publisher.join()
    figures.add("memory at the start", memory[0], "MB", size=round(seconds), where="soak")
    figures.add("memory after a third", memory[third], "MB", size=round(seconds), where="soak", note=f"{came:,} clients")
    figures.add("memory at the end", memory[-1], "MB", size=round(seconds), where="soak")


def measure_idle(folder: Path, seconds: float, figures: Figures) -> None:
    """A server with ten clients and no new events."""
    path = folder / "idle.db"
    record(path, 1_000)
    with serving(path) as (port, process):
        clients = [Client(port, "/ws/events", timed=False) for _ in range(10)]
        time.sleep(2.0)
        process.mark()
        time.sleep(seconds)
        figures.add("processor at rest", process.load, "% of a core", size=10, where="idle", note=f"{seconds:g} s")
        for client in clients:
            client.socket.close()


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--clients", type=int, default=100, help="number of live clients")
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of the live load")
    parser.add_argument("--history", type=int, default=100_000, help="events of the long run")
    parser.add_argument("--soak", type=float, default=30.0, help="duration of the soak in seconds")
    parser.add_argument(
        "--only", choices=["live", "ingest", "history", "soak", "idle"], nargs="+", help="run only these parts"
    )
    options = parser.parse_args()
    figures = Figures()
    parts: dict[str, Callable[[Path], None]] = {
        "live": lambda folder: measure_live(folder, options.clients, options.rate, options.seconds, figures),
        "ingest": lambda folder: measure_ingest(folder, options.clients, 20_000, figures),
        "history": lambda folder: measure_history(folder, options.history, figures),
        "soak": lambda folder: measure_soak(folder, options.soak, figures),
        "idle": lambda folder: measure_idle(folder, 20.0, figures),
    }
    for name, measure in parts.items():
        if options.only is None or name in options.only:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder))
    sys.stdout.write(f"{msgspec.json.encode(figures.all).decode() if options.json else table(figures.all)}\n")


if __name__ == "__main__":
    main()
