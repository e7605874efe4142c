"""Listings contain the same events as a search through all events in memory."""

import asyncio
import string
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from store.database import listing
from store.database.listing import Listing, Matches, NodeEvents, NodeMatches, RunEvents, SubtreeMatches
from store.database.reader import Reader
from store.database.run_queries import RunQueries
from store.model.accumulator import Accumulator
from store.model.entry import Entry
from store.model.event import Event
from store.model.fold import advance
from store.model.record import Match
from store.model.state import RunState, empty
from tests.recorder import Recorder, entry_of, events_of, state_of
from tests.strategies import streams
from tests.tables import query, store
from tui.demo import Scenario, simulate

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@pytest.fixture(autouse=True)
def in_small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 20 events first, then of 5, on a machine of any speed."""
    monkeypatch.setattr(listing, "SCAN_EVENTS", 20)
    monkeypatch.setattr(listing, "SCAN_PART_S", 0.0)
    monkeypatch.setattr(listing, "SMALL_SUBTREE_NODES", 3)


def said(value: object) -> Iterable[str]:
    """The values of the facts of an event."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from said(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from said(inner)
    elif value is not None:
        yield str(value)


def matches(event: Event, match: Match) -> bool:
    """Whether an event matches, without SQL."""
    words = match.words.translate(LOWER)
    texts = [event.type, *said(msgspec.to_builtins(event.facts))]
    return (
        (not match.types or event.type in match.types)
        and event.type not in match.without
        and (not match.failed or event.facts.failed)
        and any(words in text.translate(LOWER) for text in texts)
    )


def positions_of(events: Sequence[Event], match: Match, about: Callable[[Event], bool] = lambda _: True) -> list[int]:
    """Positions of the matching events."""
    return [at for at, event in enumerate(events, 1) if matches(event, match) and about(event)]


def subjects_of(events: Sequence[Event]) -> list[str | None]:
    """The node of each event: the one that it names, or the one that its call belongs to."""
    inferred = advance(Accumulator.of(empty("run")), events).inferred
    return [inferred[at][0] if at in inferred else event.facts.subject for at, event in enumerate(events, 1)]


def concerned_by(events: Sequence[Event]) -> list[set[str]]:
    """All nodes of each event."""
    return [
        {*event.facts.concerns, *filter(None, [subject])}
        for event, subject in zip(events, subjects_of(events), strict=True)
    ]


def beneath(state: RunState, root: str) -> list[str]:
    """A node and its descendants, in order of birth."""

    def inside(node_id: str | None) -> bool:
        while node_id is not None and node_id != root:
            node_id = state.nodes[node_id].outer
        return node_id is not None

    return [root, *(node_id for node_id in state.nodes if node_id != root and inside(node_id))]


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[RunQueries]:
    """Queries of the only run of a file."""
    async with Reader(path) as reader:
        ((key,),) = query(path, "SELECT key FROM run")
        yield RunQueries(reader, key)


async def looked_through(found: Matches) -> list[int]:
    """Scan to the end, and check the rows after each part."""
    shares = [found.scanned]
    while not found.complete:
        was = list(found.positions)
        before = await found.scan()
        now = list(found.positions)
        assert now == sorted(set(now))
        assert now[before : before + len(was)] == was
        assert before == 0 or len(now) == before + len(was), "what comes before and after is found by different looks"
        shares.append(found.scanned)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert await found.scan() == 0
    return list(found.positions)


async def check_rows(found: Listing, run: RunQueries, positions: Sequence[int], end: int) -> None:
    """Rows and counts of a listing equal the events at these positions."""
    for position in (0, 1, end // 2, end):
        if not isinstance(found, NodeEvents):
            assert found.count(position) == len([at for at in positions if at <= position])
    for first, last in ((0, 3), (1, 1), (2, 7), (max(len(positions) - 2, 0), len(positions))):
        rows = await found.rows(first, last)
        assert [stored.position for stored in rows] == list(positions[first:last])
        assert rows == [stored for at in positions[first:last] for stored in await run.events(at, at)]


MATCHES = [
    Match(),
    Match(types=frozenset({"step_started"})),
    Match(types=frozenset({"llm_call_started", "llm_call_completed", "nothing"})),
    Match(types=frozenset({"nothing"})),
    Match(failed=True),
    Match(words="heat pump"),
    Match(words="HEAT Pump"),
    Match(words="step_start"),
    Match(words="finish"),
    Match(frozenset({"node_status_changed", "step_finished"}), "need"),
    Match(frozenset({"tool_returned", "llm_call_completed"}), failed=True),
    Match(words="no such words"),
]
IDS = [f"{'+'.join(sorted(match.types))} {match.words!r}{' failed' * match.failed}" for match in MATCHES]
"""Test ids, equal in all processes."""


def simulated() -> list[Entry]:
    scenario = Scenario(seed=3, nodes=30, topic="heat-pumps", ending="failing-branch", items=2)
    return [entry_of(event.body, at) for at, event in enumerate(islice(simulate(scenario), 420), 1_000)]


BACKWARDS = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


# Full


async def test_a_full_listing_of_a_run_needs_no_scan(db: Path) -> None:
    entries = simulated()
    store(db, entries)
    async with reading(db) as run:
        found = RunEvents(run)
        assert found.complete
        await check_rows(found, run, range(1, len(entries) + 1), len(entries))


async def test_a_full_listing_of_a_node_has_node_events_rows(db: Path) -> None:
    entries = simulated()
    store(db, entries)
    events, state = events_of(entries), state_of(entries)
    async with reading(db) as run:
        for node_id, key in (await run.keys(state.nodes)).items():
            positions = positions_of(events, Match(), lambda event: node_id in event.facts.concerns)  # noqa: B023
            found = NodeEvents(run, key, state.nodes[node_id].events)
            assert (found.complete, found.count(7)) == (True, len(positions))
            await check_rows(found, run, positions, len(entries))


# Filtered


@BACKWARDS
@pytest.mark.parametrize("match", MATCHES, ids=IDS)
async def test_matching_events_of_a_run_are_found(db: Path, match: Match, backwards: bool) -> None:
    entries = simulated()
    store(db, entries)
    positions = positions_of(events_of(entries), match)
    async with reading(db) as run:
        found = Matches(run, match, 1, len(entries), backwards)
        assert await looked_through(found) == positions
        await check_rows(found, run, positions, len(entries))


def test_the_simulated_run_has_events_for_most_filters() -> None:
    counts = {repr(match): len(positions_of(events_of(simulated()), match)) for match in MATCHES}
    assert sorted(counts.values())[2] > 2
    assert list(counts.values()).count(0) == 2


async def test_a_slow_scan_continues_in_smaller_parts(db: Path) -> None:
    entries = simulated()
    store(db, entries)
    async with reading(db) as run:
        found = Matches(run, Match(types=frozenset({"step_started"})), 1, len(entries), False)
        ends = []
        for _ in range(3):
            await found.scan()
            ends.append(round(found.scanned * len(entries)))
    assert ends == [20, 25, 30]


@BACKWARDS
@pytest.mark.parametrize("match", MATCHES, ids=IDS)
async def test_matching_events_of_a_node_are_found(db: Path, match: Match, backwards: bool) -> None:
    entries = simulated()
    store(db, entries)
    events, state = events_of(entries), state_of(entries)
    async with reading(db) as run:
        busiest = sorted(state.nodes.values(), key=lambda node: node.events)[-4:]
        for node_id, key in (await run.keys(node.node_id for node in busiest)).items():
            positions = positions_of(events, match, lambda event: node_id in event.facts.concerns)  # noqa: B023
            found = NodeMatches(run, match, key, state.nodes[node_id].events, backwards)
            assert await looked_through(found) == positions
            await check_rows(found, run, positions, len(entries))


@BACKWARDS
@pytest.mark.parametrize("few", [0, 1_000], ids=["large", "small"])
@pytest.mark.parametrize("match", MATCHES, ids=IDS)
async def test_matching_events_of_a_subtree_are_found(
    db: Path, monkeypatch: pytest.MonkeyPatch, match: Match, few: int, backwards: bool
) -> None:
    """By node and by a scan of all events alike."""
    monkeypatch.setattr(listing, "SMALL_SUBTREE_NODES", few)
    entries = simulated()
    store(db, entries)
    events, state = events_of(entries), state_of(entries)
    async with reading(db) as run:
        keys = await run.keys(state.nodes)
        for root in Random(5).sample([node_id for node_id, node in state.nodes.items() if node.children], 5):
            inside = set(beneath(state, root))
            positions = positions_of(events, match, lambda event: not inside.isdisjoint(event.facts.concerns))  # noqa: B023
            born = state.nodes[root].born
            asked = [keys[node_id] for node_id in beneath(state, root)]
            found = SubtreeMatches(run, match, asked, born, len(entries), backwards)
            assert found.small is (few > 0)
            assert await looked_through(found) == positions
            await check_rows(found, run, positions, len(entries))


# Words


def words_run() -> Recorder:
    made = Recorder().root("root", "Write a book")
    for number, goal in enumerate(
        [
            "50% of it",
            "500 of it",
            "a_b",
            "aXb",
            r"C:\temp",
            "C:/temp",
            'say "no"',
            "say no",
            "Grüße",
            "GRÜSSE",
            "100%_\\",
            "line\nbreak",
        ]
    ):
        made.node("root", f"n{number}", goal)
    return made.emit("brain_dumped", {"node_id": "root"}).emit("brain-dumped", {"node_id": "root"})


@BACKWARDS
@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("50%", 1),
        ("50", 2),
        ("% of", 1),
        ("a_b", 1),
        ("A_B", 1),
        ("axb", 1),
        ("c:\\temp", 1),
        ("c:/TEMP", 1),
        ("%_\\", 1),
        ("\\", 2),
        ('say "no"', 1),
        ("say", 2),
        ("task_goal", 0),
        ("node_nid", 0),
        ("Grüße", 1),
        ("grüße", 1),
        ("brain_dumped", 1),
        ("BRAIN", 2),
        ("\n", 1),
        ("%%", 0),
        ("__", 0),
        ("' OR 1", 0),
    ],
)
async def test_words_are_matched_literally(db: Path, words: str, count: int, backwards: bool) -> None:
    """Characters special to LIKE and JSON match themselves; ASCII letters match in both cases."""
    made = words_run()
    store(db, made.entries)
    positions = positions_of(made.events, Match(words=words))
    assert len(positions) == count
    async with reading(db) as run:
        for found in (
            Matches(run, Match(words=words), 1, len(made.entries), backwards),
            NodeMatches(run, Match(words=words), (await run.keys(["root"]))["root"], len(made.entries), backwards),
        ):
            assert await looked_through(found) == positions


# Growing runs


@BACKWARDS
async def test_events_stored_during_a_scan_are_found(db: Path, backwards: bool) -> None:
    entries = simulated()
    events, match = events_of(entries), Match(types=frozenset({"step_started", "llm_call_started"}))
    store(db, entries[:200])
    async with reading(db) as run:
        found = Matches(run, match, 1, 200, backwards)
        await found.scan()
        for end in range(210, len(entries) + 1, 15):
            store(db, entries[end - 15 : end])
            found.grow(end)
            assert not found.complete
            was = list(found.positions)
            assert await found.scan() == 0, "what is new comes after all that was there"
            assert list(found.positions)[: len(was)] == was
        end = 210 + (len(entries) - 210) // 15 * 15
        assert await looked_through(found) == positions_of(events[:end], match)


async def test_grow_never_shrinks_a_listing(db: Path) -> None:
    """At an earlier position fewer rows count; rows found are kept."""
    entries = simulated()
    store(db, entries)
    match = Match(types=frozenset({"step_started"}))
    async with reading(db) as run:
        found = Matches(run, match, 1, len(entries), backwards=True)
        whole = await looked_through(found)
        found.grow(10)
        assert found.complete
        assert list(found.positions) == whole
        assert found.count(100) == len([at for at in whole if at <= 100])


@BACKWARDS
@pytest.mark.parametrize("few", [0, 1_000], ids=["large", "small"])
async def test_events_of_a_growing_subtree_are_found(
    db: Path, monkeypatch: pytest.MonkeyPatch, few: int, backwards: bool
) -> None:
    monkeypatch.setattr(listing, "SMALL_SUBTREE_NODES", few)
    entries = simulated()
    events = events_of(entries)
    store(db, entries[:100])
    state = state_of(entries[:100])
    root = state.run.root or ""
    async with reading(db) as run:
        keys = await run.keys(state.nodes)
        known = beneath(state, root)
        found = SubtreeMatches(run, Match(), [keys[node_id] for node_id in known], state.nodes[root].born, 100, backwards)
        await found.scan()
        for end in range(120, len(entries) + 1, 20):
            store(db, entries[end - 20 : end])
            state = state_of(entries[:end])
            keys = await run.keys(state.nodes)
            more = [node_id for node_id in beneath(state, root) if node_id not in known]
            assert not any(keys[node_id] in found for node_id in more)
            found.add([keys[node_id] for node_id in more])
            assert all(keys[node_id] in found for node_id in more)
            known += more
            found.grow(end)
            assert await found.scan() == 0
        inside = set(known)
        positions = positions_of(events[:end], Match(), lambda event: not inside.isdisjoint(event.facts.concerns))
        assert await looked_through(found) == positions
        assert found.small is (few > 0)


async def test_a_subtree_can_grow_large_during_a_scan(db: Path) -> None:
    made = Recorder().root().node("root", "a").llm("a")
    store(db, made.entries)
    async with reading(db) as run:
        keys = await run.keys(["a"])
        found = SubtreeMatches(run, Match(), [keys["a"]], 2, made.state.position, backwards=True)
        assert await looked_through(found) == [2, 3, 4]
        for number in range(6):
            made.node("a", f"a{number}").status(f"a{number}", "READY").node("root", f"b{number}")
            store(db, made.entries)
            keys = await run.keys(made.state.nodes)
            found.add([keys[f"a{number}"]])
            found.grow(made.state.position)
            inside = set(beneath(made.state, "a"))
            wanted = positions_of(made.events, Match(), lambda event: not inside.isdisjoint(event.facts.concerns))  # noqa: B023
            assert await looked_through(found) == wanted
        assert not found.small


# Empty runs


@BACKWARDS
async def test_an_empty_listing_is_complete(db: Path, backwards: bool) -> None:
    store(db, Recorder().root().entries)
    async with reading(db) as run:
        found = Matches(run, Match(words="x"), 1, 0, backwards)
        assert (found.complete, found.scanned, found.count(5), await found.rows(0, 9)) == (True, 1.0, 0, [])
        assert await found.scan() == 0


# Property


NAMELESS_END = Recorder().emit("llm_call_started", {"node_id": "a"}).emit("llm_call_completed", {}).entries
"""The second event belongs to the node of its call."""

types = st.frozensets(st.sampled_from(("step_started", "node_created", "edge_added", "llm_call_completed")), max_size=2)
asked = st.builds(Match, types, st.sampled_from(("", "fin", "EDGE", "ready", "goal")), st.booleans())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(streams("run", max_size=60), asked, st.booleans(), st.integers(0, 60), st.randoms(use_true_random=False))
@example(NAMELESS_END, Match(), False, 2, Random(0))
def test_all_matching_events_are_found_for_any_run_and_filter(
    entries: list[Entry], match: Match, backwards: bool, cut: int, random: Random
) -> None:
    """Part of the events is stored before the scan, the rest during it."""

    async def look(path: Path) -> None:
        async with reading(path) as run:
            events, state = events_of(entries), state_of(entries)
            subjects, concerned = subjects_of(events), concerned_by(events)
            keys = await run.keys(state.nodes)
            there = min(cut, len(entries))
            root = random.choice(sorted(keys)) if keys else None
            found: dict[str, Matches] = {"run": Matches(run, match, 1, there, backwards)}
            wanted = {"run": positions_of(events, match)}
            if root is not None:
                inside = set(beneath(state, root))
                some = [keys[node_id] for node_id in beneath(state, root)]
                born, named = state.nodes[root].born, [root in nodes for nodes in concerned]
                found["node"] = NodeMatches(run, match, keys[root], sum(named[:there]), backwards)
                wanted["node"] = [at for at in wanted["run"] if named[at - 1]]
                small = SubtreeMatches(run, match, some, born, max(there, born), backwards)
                found["subtree"] = small
                if small.small:
                    close = [not inside.isdisjoint(nodes) for nodes in concerned]
                else:
                    close = [subject in inside or root in nodes for subject, nodes in zip(subjects, concerned, strict=True)]
                wanted["subtree"] = [at for at in wanted["run"] if close[at - 1] and at >= born]
            for one in found.values():
                for _ in range(random.randint(0, 3)):
                    await one.scan()
                one.grow(sum(named) if isinstance(one, NodeMatches) else len(entries))
            for name, one in found.items():
                assert await looked_through(one) == wanted[name], name

    if entries:
        with TemporaryDirectory() as folder:
            path = Path(folder, "x.db")
            store(path, entries)
            asyncio.run(look(path))
