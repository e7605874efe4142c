"""Costs of a file with ten thousand events, and with a million or more.

    python -m tests.bench.growth [--json] [--events 10000 1000000 10000000] [--folder DIR] [--only show list]

For each size, in one run:

- growth to this size: events per second, processor time per event, peak memory
- queries of screens, in milliseconds, as the median of several runs of the file: opening the file and listing its runs, the
  shape of a run, the first and the last page of its timeline and of that of its root, one payload, the run at a random
  position; `worst_page_ms` is the slowest page of all
- `treetop doctor`, and unreadable entries imported per second, as many as the file has events
- in other files: correcting the run of an event, and a run with many roots

Then, in other files, the time and memory of `treetop show` and `runs`, and the rows that a refresh of a list of 50,000 runs
reads. Last, independent of the size, the bytes that an idle and a live stream transfer, and the processor time of an agent
for publishing a call of a model, compared with OpenTelemetry if it is installed.

Every 1,000 events are a transaction, as when an ingester is behind. Ten million take 13 GB of disk, and about ten minutes.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing, suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage

import msgspec
import redis

from store.database.arrival import FIELD
from store.database.file import connect_reader
from store.database.history import History
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.database.writer import Writer
from store.doctor import check_file
from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer
from tests.bench.big import cached
from tests.bench.figure import median
from tests.conftest import until
from tests.live import number_stored
from tests.recorder import Recorder
from tests.tables import query
from treetop.publisher import Publisher
from tui.demo import Scenario, simulate
from tui.models.run_order import RunOrder

NODES = 600
"""Nodes of each run, which has about 9,800 events."""

RUNS = 50_000
"""Number of runs in the file whose list is measured."""

Figures = dict[str, float]
"""Figures by name."""

PAGE = 100
BATCH = 1_000
REFUSED = 50_000
"""Largest number of unreadable entries to import."""

LONG, ROOTS = 100_000, 8_000
"""Largest number of events, and of roots, of the runs in which attribution is measured."""

TRIES = 15


def entries() -> Iterator[Entry]:
    """Entries of an endless series of simulated runs."""
    number = count(1)
    for seed in count():
        for event in simulate(Scenario(seed=seed, nodes=NODES, depth=5, text_bytes=300)):
            yield Entry(StreamId(1_700_000_000_000 + next(number), 0), {FIELD: event.body})


def printed(path: Path, *words: str) -> Figures:
    """Milliseconds and peak memory in MB of `treetop` with these arguments. Its output is discarded."""
    command = [sys.executable, "-m", "tui.cli", *words, "--db", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        begun = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return {"ms": (time.perf_counter() - begun) * 1000, "mb": usage.ru_maxrss / 1024}


def show(folder: Path) -> Figures:
    """`treetop show --json` of 100,000 tasks; `treetop runs` and `show` of a file with one small run."""
    big, small = cached(folder, "tree", 100_000), folder / "small.db"
    with suppress(FileNotFoundError):
        small.unlink()
    with Writer(small) as writer:
        writer.append(list(islice(entries(), 200)))
    tries = [printed(big, "show", "latest", "--json") for _ in range(3)]
    return {
        "show_100k_json_ms": min(one["ms"] for one in tries),
        "show_100k_json_mb": max(one["mb"] for one in tries),
        "show_small_ms": min(printed(small, "show", "latest")["ms"] for _ in range(5)),
        "runs_small_ms": min(printed(small, "runs")["ms"] for _ in range(5)),
    }


def list_of_runs(folder: Path) -> Figures:
    """A refresh of the list of 50,000 runs: its first page, without a change, and after a change of one run."""
    path = folder / "runs.db"
    with suppress(FileNotFoundError):
        path.unlink()
    with Writer(path) as writer:
        writer.append(Recorder().root().entries)
    with closing(sqlite3.connect(path)) as connection, connection:
        (key, _, *rest), *_ = connection.execute("SELECT * FROM run").fetchall()
        copies = [(key + number, f"run-{number}", *rest) for number in range(1, RUNS)]
        connection.executemany(f"INSERT INTO run VALUES (?, ?{', ?' * len(rest)})", copies)

    async def look() -> Figures:
        figures: Figures = {}
        async with Reader(path) as reader:

            async def timed(name: str, question: Callable[[], Awaitable[object]]) -> None:
                spent = []
                for _ in range(TRIES):
                    begun = time.perf_counter()
                    await question()
                    spent.append((time.perf_counter() - begun) * 1000)
                figures[name] = median(spent)

            seen = await reader.last_change()
            await timed("list_page_ms", lambda: reader.run_page(None, 1_000))
            await timed("list_unchanged_ms", lambda: reader.run_changes(seen))
            await timed("list_one_change_ms", lambda: reader.run_changes(seen - 1))
            rows = await reader.runs()
            order = RunOrder()
            order.update(rows, (), 0.0)
            begun = time.perf_counter()
            for row in rows[:TRIES]:
                order.update([row], (), 0.0)
            figures["list_arrange_one_ms"] = (time.perf_counter() - begun) * 1000 / TRIES
        return figures

    return asyncio.run(look())


async def use(path: Path) -> Figures:
    """Milliseconds for the queries of screens, each for another run."""
    figures: dict[str, list[float]] = {}
    luck = Random(1)

    def note(name: str, begun: float) -> float:
        figures.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        return time.perf_counter()

    for _ in range(TRIES):
        at = time.perf_counter()
        async with Reader(path) as reader:
            runs = await reader.runs()
            at = note("list_ms", at)
            chosen = luck.choice(runs)
            run, last = RunQueries(reader, chosen.key), chosen.run.events
            root = next(iter((await run.keys([chosen.run.root or ""])).values()))
            at = time.perf_counter()
            await run.shape()
            at = note("shape_ms", at)
            await run.events(1, PAGE)
            at = note("first_page_ms", at)
            page = await run.events(last - PAGE, last)
            at = note("last_page_ms", at)
            await run.node_events(root, 1, PAGE)
            at = note("node_page_ms", at)
            await reader.payload(page[-1].seq)
            at = note("payload_ms", at)
            with closing(connect_reader(path)) as connection:
                History(connection, chosen.key, chosen.run.run_id).seek(luck.randint(1, last))
            note("seek_ms", at)
    worst = max(value for name in ("first_page_ms", "last_page_ms", "node_page_ms") for value in figures[name])
    return {name: median(values) for name, values in figures.items()} | {"worst_page_ms": worst}


def refuse(folder: Path, entries: int) -> Figures:
    """Import unreadable entries without a stream into another file."""
    begun = time.perf_counter()
    with Writer(folder / "refused.db") as writer:
        for at in range(0, entries, BATCH):
            writer.append([Entry(StreamId(at, number), {FIELD: b"%d {" % number}) for number in range(BATCH)])
    return {"unreadable_per_s": entries / (time.perf_counter() - begun)}


def examine(path: Path) -> Figures:
    """Milliseconds of `treetop doctor` for the file."""
    begun = time.perf_counter()
    list(check_file(path, deep=False))
    return {"doctor_ms": (time.perf_counter() - begun) * 1000}


def attribute(folder: Path, events: int) -> Figures:
    """Costs of correcting the attribution of a run with `events` events (at most `LONG`), and of many roots.

    `reassign_ms`: an event moves to another run, whose id is published 100 events later. `rename_ms`: the id of the run
    itself is published at its end. `roots_mb`: checkpoints of a run with as many roots, at most `ROOTS`.
    """
    size, roots = min(events, LONG), min(events, ROOTS)
    steps = [
        ("step_started", {"node_id": "b", "step": 1}),
        ("step_finished", {"node_id": "b", "status_after": "DOING"}),
    ] * 50
    stray = ("node_status_changed", {"node_id": "a", "new_status": "READY"})
    figures: Figures = {}
    for name, run_id, before, after in (
        ("reassign_ms", "b", [stray, *steps], [("a", stray)]),
        ("rename_ms", None, steps, [("b", steps[0])]),
    ):
        with Writer(folder / f"{name}.db") as writer:
            source = _published([(run_id, ("run_started", {}))] + [(run_id, step) for step in steps] * (size // 100))
            while batch := list(islice(source, BATCH)):
                writer.append(batch)
            writer.append(list(_published([(None if event is stray else run_id, event) for event in before], size * 2)))
            claim = list(_published(after, size * 3))
            begun = time.perf_counter()
            writer.append(claim)
            figures[name] = (time.perf_counter() - begun) * 1000
    path = folder / "roots.db"
    with Writer(path) as writer:
        announced = [("r", ("node_created", {"node_id": f"{number:036}", "layer": 0})) for number in range(roots)]
        writer.append(list(_published(announced)))
    ((held,),) = query(path, "SELECT coalesce(sum(length(data)), 0) FROM checkpoint")
    return figures | {"roots_mb": held / 1e6}


def _published(events: Iterable[tuple[str | None, tuple[str, object]]], first: int = 0) -> Iterator[Entry]:
    for number, (run_id, (event_type, payload)) in enumerate(events, first):
        event = {"event_id": f"{number}", "run_id": run_id, "event_type": event_type, "payload": payload}
        yield Entry(StreamId(1_700_000_000_000 + number, 0), {FIELD: msgspec.json.encode(event)})


def grow(path: Path, source: Iterator[Entry], events: int) -> Figures:
    """Store further events. Returns processor time per event and events per second, without the simulation."""
    wall = cpu = 0.0
    left = events
    with Writer(path) as writer:
        while left > 0:
            batch = list(islice(source, min(BATCH, left)))
            left -= len(batch)
            begun, worked = time.perf_counter(), time.process_time()
            writer.append(batch)
            wall, cpu = wall + time.perf_counter() - begun, cpu + time.process_time() - worked
    return {"append_per_s": events / wall, "append_cpu_us": cpu / events * 1e6}


def measure(sizes: list[int], path: Path) -> list[Figures]:
    """The figures at each size of a growing file."""
    source, held, rows = entries(), 0, []
    for size in sizes:
        row: Figures = {"events": size} | grow(path, source, size - held)
        held = size
        used = asyncio.run(use(path)) | examine(path)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            used |= refuse(Path(folder), min(size, REFUSED))
            used |= attribute(Path(folder), size)
        peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        rows.append(row | used | {"file_mb": path.stat().st_size / 1e6, "peak_memory_mb": peak})
    return rows


IDLE = 5.0
"""Seconds for which an idle stream is measured."""

LIVE, LIVE_BYTES = 30, 100_000
"""Number of events that are published one at a time to a live ingester, and their size in bytes."""


def traffic(folder: Path) -> Figures:
    """Bytes that `treetop ingest` reads from Redis: per second of an idle stream, and per byte of live events.

    The newest entry of the idle stream has 2 MB.
    """
    path = folder / "traffic.db"
    body = b'{"event_id":"%d","event_type":"note","payload":{"node_id":"n","text":"%b"},"run_id":"run"}'
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:

        def publish(number: int, size: int) -> None:
            client.xadd("agent_events", {FIELD: body % (number, b"x" * size)})
            until(lambda: number_stored(path) == number)

        def sent() -> int:
            return int(client.info("stats")["total_net_output_bytes"])

        command = [sys.executable, "-m", "tui.cli", "ingest", "--db", str(path), "--redis", server.url]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as ingester:
            before = sent()
            for number in range(1, LIVE + 1):
                publish(number, LIVE_BYTES)
            live = (sent() - before) / (LIVE * LIVE_BYTES)
            publish(LIVE + 1, 2_000_000)
            time.sleep(2.0)
            before = sent()
            time.sleep(IDLE)
            idle = (sent() - before) / IDLE
            ingester.terminate()
    return {"idle_bytes_per_s": idle, "live_bytes_per_byte": live}


CALLS = 300
PACES = (0.0, 0.001, 0.02)
"""Seconds between two calls. Longer pauses leave colder processor caches."""

PROMPT, ANSWER = "Why is the sky blue? " * 20, "Because. " * 60


def publishing(_: Path) -> Figures:
    """Processor time of an agent per call of a model, in microseconds: with `Publisher`, which sends it to Redis, and with
    the batch processor of OpenTelemetry, if installed, with an exporter that does nothing."""
    with RedisServer() as server, Publisher(server.url, buffer=100_000) as run:
        root = run.node_created("Explain")

        def ours() -> None:
            with run.llm_call("Writer", "gpt-4o-mini", PROMPT, node_id=root) as call:
                call.response, call.token_usage = ANSWER, {"prompt_tokens": 7, "completion_tokens": 3}

        figures = {f"call_us_{pace}": cost(ours, pace, lambda: run.flush(30.0)) for pace in PACES}
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        return figures
    trace, export = (import_module(f"opentelemetry.sdk.{name}") for name in ("trace", "trace.export"))
    nothing = type("Nothing", (export.SpanExporter,), {"export": lambda *_: export.SpanExportResult.SUCCESS})
    provider = trace.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(nothing()))
    tracer = provider.get_tracer("bench")
    attributes = {"gen_ai.request.model": "gpt-4o-mini", "agent": "Writer", "node_id": root, "prompt": PROMPT}
    attributes |= {"response": ANSWER, "input_tokens": "7", "output_tokens": "3"}

    def theirs() -> None:
        with tracer.start_as_current_span("chat gpt-4o-mini") as span:
            for name, value in attributes.items():
                span.set_attribute(name, value)

    figures |= {f"otel_us_{pace}": cost(theirs, pace, provider.force_flush) for pace in PACES}
    provider.shutdown()
    return figures


def cost(call: Callable[[], None], pace: float, flush: Callable[[], object]) -> float:
    """Processor time of this process per call, in microseconds: the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(CALLS):
            call()
            if pace:
                time.sleep(pace)
        flush()
        best = min(best, (time.process_time() - begun) / CALLS * 1e6)
    return best


OTHERS = {"show": show, "list": list_of_runs, "traffic": traffic, "publishing": publishing}
"""Figures of other files, by their names for `--only`."""


def table(rows: list[Figures]) -> str:
    """The figures as a text table with a column for each size."""
    names = list(rows[0])
    return "\n".join(f"{name:<20}" + "".join(f"{row[name]:>14,.1f}" for row in rows) for name in names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 1_000_000], help="sizes, ascending")
    parser.add_argument("--folder", type=Path, help="where there is room for the file")
    parser.add_argument("--only", choices=OTHERS, nargs="+", help="only these figures, of files of their own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = [] if options.only else measure(options.events, Path(folder) / "growth.db")
        others = {name: value for one in options.only or OTHERS for name, value in OTHERS[one](Path(folder)).items()}
    if options.json:
        sys.stdout.write(json.dumps([*rows, others], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(table(part) for part in (rows, [others]) if part) + "\n")


if __name__ == "__main__":
    main()
