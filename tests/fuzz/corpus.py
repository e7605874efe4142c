"""A corpus of hostile stream entries, the same for the same seed.

Families. Each is a function below that yields entries with their expected outcome:

- `runs`: a thousand interleaved runs, whose events arrive in any order. All are events.
- `odd_values`: every field of every type with every wrong value, one at a time, or absent.
- `odd_texts`: escape sequences, markup, bidirectional controls, NUL, huge goals, in every field that is shown or is an id.
- `broken`: bytes that are not JSON, or not an event: cut, flipped, nested 10,000 deep, not UTF-8, malformed numbers.
- `repeated`: event ids that were seen before, with the same content and with another.
- `graphs`: nodes inside themselves and each other, cycles of edges, chains 1,500 deep, nodes that were not created.
- `fields`: stream entries without json_payload, with several fields, with names that are not text.
"""

import random
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import pairwise
from typing import Any, NamedTuple

from store.model.event_type import TYPES
from tests.fuzz.values import ESCAPES, TIMES, VALUES
from tests.recorder import Recorder, body_of

FIELD = b"json_payload"
RUNS = 1_000

TALKATIVE = ("node_created", "node_status_changed", "step_started", "run_error", "tool_returned", "llm_call_completed")
SHOWN = (
    *("task_goal", "node_goal", "error_message", "error_type", "error", "result_summary", "args_summary", "model"),
    *("tool_name", "api_name", "agent_class", "node_nid", "new_status", "action_name", "task_type"),
)
"""Types of events whose texts are shown, and the fields that contain these texts."""

Payload = dict[str, Any]


class Fate(Enum):
    """The required outcome for an entry."""

    EVENT = "event"
    REJECTED = "rejected"
    ANY = "any"
    """One of the two, or a repetition."""


class Hostile(NamedTuple):
    """A stream entry with its family and its required outcome."""

    family: str
    fields: dict[bytes, bytes]
    fate: Fate = Fate.ANY


def corpus(seed: int) -> list[Hostile]:
    """At least 20,000 entries, in the order in which they are published."""
    chance = random.Random(seed)
    families: tuple[Callable[[random.Random], Iterator[Hostile]], ...] = (
        runs, odd_values, odd_texts, broken, repeated, graphs, fields,
    )  # fmt: skip
    entries = [entry for family in families for entry in family(chance)]
    chance.shuffle(entries)
    return entries


def _raw(event: Payload, **raw: str) -> bytes:
    """The event as JSON. `raw`: values of its payload, inserted as they are."""
    marks = {name: f"@{name}@" for name in raw}
    text = body_of({**event, "payload": {**event["payload"], **marks}}).decode()
    for name, value in raw.items():
        text = text.replace(f'"@{name}@"', value)
    return text.encode("utf-8", "surrogatepass")


def _event(name: str, event_type: str = "node_created", run_id: object = "fuzz", **payload: object) -> Payload:
    return {
        "event_id": name,
        "timestamp": "2025-04-22T17:25:11.434487Z",
        "event_type": event_type,
        "payload": {"node_id": f"n-{name}", "task_goal": name, **payload},
        "run_id": run_id,
    }


def _entry(family: str, body: bytes, fate: Fate = Fate.ANY) -> Hostile:
    return Hostile(family, {FIELD: body}, fate)


# Families


def runs(chance: random.Random) -> Iterator[Hostile]:
    """Small complete runs, a tenth of them without run id."""
    for number in range(RUNS):
        recorder = Recorder(f"run-{number}").run_started().root(f"r{number}", f"Goal {number}")
        if number % 10 == 0:
            recorder.nameless()
        recorder.plan(f"r{number}", f"a{number}", f"b{number}").llm(f"a{number}", tokens=(number, 1))
        recorder.step(f"a{number}", "execute", after="FINISH").tool_invoked(f"b{number}")
        for entry in recorder.entries:
            yield Hostile("runs", entry.fields, Fate.EVENT)


def odd_values(chance: random.Random) -> Iterator[Hostile]:
    """Each field of each type with each value."""
    count = 0
    for name, kind in TYPES.items():
        for field in kind.__struct_fields__:
            for value in VALUES:
                count += 1
                yield _entry("odd values", _raw(_event(f"v{count}", name, f"odd-{count % 50}"), **{field: value}))
        for value in VALUES:
            count += 1
            text = body_of(_event(f"v{count}", name, f"odd-{count % 50}")).decode()
            field = chance.choice(("event_id", "timestamp", "event_type", "payload", "run_id"))
            before, _, rest = text.partition(f'"{field}":')
            if field == "payload":
                yield _entry("odd values", f'{before}"payload":{value},"run_id":"odd"}}'.encode("utf-8", "surrogatepass"))
                continue
            _, quote, after = rest.partition(',"') if field != "run_id" else ("", "", "}")
            yield _entry("odd values", f'{before}"{field}":{value}{quote}{after}'.encode("utf-8", "surrogatepass"))
    whole = _event("missing")
    for name in whole:
        less = {key: value for key, value in whole.items() if key != name}
        fate = Fate.REJECTED if name in ("event_type", "payload") else Fate.EVENT
        yield _entry("odd values", body_of({**less, "event_id": f"no-{name}"} if name != "event_id" else less), fate)
    for number in range(500):
        values: list[Any] = chance.choices([None, 1, "x", [1], {"a": {}}], k=chance.randrange(9))
        extra = {f"extra{chance.random()}": value for value in values}
        yield _entry("odd values", body_of({**_event(f"x{number}", **extra), **extra}), Fate.EVENT)
    for number, time in enumerate(TIMES):
        yield _entry("odd values", body_of({**_event(f"t{number}"), "timestamp": time}), Fate.EVENT)


def odd_texts(chance: random.Random) -> Iterator[Hostile]:
    """Odd goals, results, errors, names and ids."""
    for number, text in enumerate(ESCAPES):
        for kind in (
            "node_created",
            "node_status_changed",
            "step_started",
            "run_error",
            "tool_returned",
            "llm_call_completed",
        ):
            payload = dict.fromkeys(SHOWN, text)
            event = _event(f"e{number}-{kind}", kind, "hostile", outer_node_id="n-e0-node_created", **payload)
            yield _entry("odd texts", body_of(event), Fate.EVENT)
        named = {"node_id": f"{text}{number}", "outer_node_id": text, "root_node_id": text, "task_goal": text}
        yield _entry("odd texts", body_of(_event(f"{text}!", "node_created", f"{text}?", **named)), Fate.EVENT)
        yield _entry("odd texts", body_of(_event(f"u{number}", f"type {text}", "hostile")), Fate.EVENT)
    for number in range(20):
        goal = "".join(chance.choices((*ESCAPES, "word ", "\n"), k=10)) * (100_000 // 50)
        yield _entry("odd texts", body_of(_event(f"g{number}", run_id="hostile", task_goal=goal[:100_000])), Fate.EVENT)
    for name in ("a" * 10_000, "z" * 100_000):
        yield _entry("odd texts", body_of(_event(name, name, name, node_id=name)))
        yield _entry("odd texts", body_of(_event(name, "other content", name)))  # whichever comes first


def broken(chance: random.Random) -> Iterator[Hostile]:
    """Bodies that are not JSON, or not an event."""
    whole = body_of(_event("whole", task_goal="Größe 漢字"))
    for end in range(len(whole)):
        yield _entry("broken", whole[:end], Fate.REJECTED)
    for number in range(3_000):
        flipped = bytearray(body_of(_event(f"flip{number}")))
        for _ in range(chance.randrange(1, 4)):
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
        yield _entry("broken", bytes(flipped))
    for number in range(1_000):
        yield _entry("broken", chance.randbytes(chance.randrange(200)), Fate.REJECTED)
        yield _entry("broken", whole + chance.randbytes(1 + number % 5))
    for text in (*VALUES, "[1,2]", '{"a":1}', '{"event_type":"x"}', '{"payload":{}}', "\ufeff{}", "nul", "'x'", "{} {}"):
        yield _entry("broken", text.encode("utf-8", "surrogatepass"), Fate.REJECTED)
    yield _entry("broken", whole.decode().encode("utf-16"), Fate.REJECTED)
    yield _entry("broken", b"\xef\xbb\xbf" + whole, Fate.REJECTED)
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80"):
        for place in (b'"task_goal":"', b'"event_id":"', b'"run_id":"', b'"prompt":"'):
            body = whole.replace(b'"payload":{', b'"payload":{"prompt":"",').replace(place, place + bad)
            yield _entry("broken", body, Fate.REJECTED)
    for deep in (b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 100_000):
        yield _entry("broken", deep, Fate.REJECTED)
        yield _entry("broken", whole.replace(b'"payload":{', b'"payload":{"prompt":' + deep + b","))
        yield _entry("broken", whole.replace(b'"payload":{', b'"payload":{"raw_plan":' + deep + b","))
        yield _entry("broken", whole.replace(b'"event_id":"whole"', b'"event_id":' + deep))
    for field in ("event_id", "event_type", "run_id", "payload"):
        twice = whole.replace(f'"{field}":'.encode(), f'"{field}":"first","{field}":'.encode(), 1)
        yield _entry("broken", twice)
    for surrogate in (b"\\ud800", b"\\udfff", b"\\udc00\\ud800", b"\\ud83d\\ude00"):
        for place in (b'"task_goal":"', b'"event_id":"', b'"run_id":"', b'"node_id":"'):
            yield _entry("broken", whole.replace(place, place + surrogate))


def repeated(chance: random.Random) -> Iterator[Hostile]:
    """Each event again, and each id again for another event."""
    for number in range(500):
        same = body_of(_event(f"again{number}", run_id=f"again-{number % 20}"))
        yield _entry("repeated", same)
        for _ in range(chance.randrange(1, 4)):
            yield _entry("repeated", same)
        yield _entry("repeated", body_of(_event(f"again{number}", "other", f"again-{number % 20}")))
        yield _entry("repeated", body_of(_event(f"again{number}", run_id=f"elsewhere-{number % 20}")), Fate.EVENT)


def graphs(chance: random.Random) -> Iterator[Hostile]:
    """Graphs that are not trees."""
    for number in range(60):
        names = [f"g{number}-{at}" for at in range(12)]
        recorder = Recorder(f"graph-{number}")
        for _ in range(30):
            one, other, third = (chance.choice(names) for _ in range(3))
            match chance.randrange(6):
                case 0:
                    recorder.created(one, other, "inside out", layer=chance.choice([-1, 0, 1, 10**9]))
                case 1:
                    recorder.created(one, one, "inside itself")
                case 2:
                    recorder.edge(one, other, third)
                case 3:
                    recorder.edge(one, one, one)
                case 4:
                    recorder.added(one, other, one)
                case _:
                    recorder.built(one, [other, one, third, other])
        for entry in recorder.entries:
            yield Hostile("graphs", entry.fields, Fate.EVENT)
    for run_id, step in (("chain", 1), ("chain-backwards", -1)):
        names = [f"{run_id}-{at}" for at in range(1_500)]
        recorder = Recorder(run_id)
        for outer, inner in list(pairwise(names))[::step]:
            recorder.created(inner, outer, inner)
        recorder.created(names[0], names[-1], "bites its tail")
        for entry in recorder.entries:
            yield Hostile("graphs", entry.fields, Fate.EVENT)
    for number in range(300):
        ids: list[Any] = [1, 0, -7, 2**70, 1.5, True, "1"]
        payload = {"node_id": chance.choice(ids), "outer_node_id": chance.choice([*ids, None])}
        yield _entry("graphs", body_of(_event(f"number{number}", run_id=chance.choice([1, 2**80, "1"]), **payload)))


def fields(chance: random.Random) -> Iterator[Hostile]:
    """Entries that Redis accepts and agents do not send."""
    whole = body_of(_event("beside"))
    odd = ({b"": b""}, {b"payload": whole}, {b"JSON_PAYLOAD": whole}, {b"\xff\x00": b"\x00\xff"}, {b"a" * 100_000: b"b"},
        {b"x": chance.randbytes(100_000)}, {f"f{number}".encode(): b"" for number in range(1_000)})  # fmt: skip
    for entry in odd:
        yield Hostile("fields", entry, Fate.REJECTED)
    yield Hostile("fields", {b"other": b"\xff", FIELD: whole, b"more": b""}, Fate.EVENT)
    for number in range(200):
        names = {chance.randbytes(chance.randrange(1, 9)): chance.randbytes(chance.randrange(50)) for _ in range(3)}
        yield Hostile("fields", {b"n": str(number).encode(), **names}, Fate.REJECTED)


def large(megabytes: int = 50) -> list[Hostile]:
    """Entries of 50 MB: one text, objects, deep nesting, and bytes that are not an event."""
    size = megabytes * 1_000_000
    whole = body_of(_event("large", "llm_call_completed", "large", response="@"))
    plan = body_of(_event("plan", "plan_received", "large", raw_plan="@"))
    objects = b"[" + b'{"a":1},' * (size // 8) + b"{}]"
    return [
        _entry("large", whole.replace(b"@", b"x" * size), Fate.EVENT),
        _entry("large", whole.replace(b"large", b"objects", 1).replace(b'"@"', objects), Fate.EVENT),
        _entry("large", whole.replace(b"large", b"deep", 1).replace(b'"@"', b"[" * size), Fate.REJECTED),
        _entry("large", whole.replace(b"large", b"escapes", 1).replace(b"@", b"\\u0000" * (size // 6)), Fate.EVENT),
        _entry("large", plan.replace(b'"@"', objects), Fate.EVENT),
        _entry("large", b"\xff" * size, Fate.REJECTED),
        Hostile("large", {b"no": b"\x00" * (size // 4)}, Fate.REJECTED),
        _entry("large", whole.replace(b"llm_call_completed", b"l" * size), Fate.ANY),
    ]
