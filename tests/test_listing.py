"""Which events a timeline lists: compared with what one finds who reads all of them."""

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import listing
from store.cursor import Entry
from store.events import Event
from store.listing import Listing, Matches, NodeEvents, NodeMatches, RunEvents, SubtreeMatches
from store.reader import Reader
from store.record import Match
from store.run_reader import RunReader
from store.simulator import Scenario, simulate
from store.state import RunState
from tests.recorder import Recorder, entry_of, events_of, state_of
from tests.strategies import streams
from tests.tables import query, store

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@pytest.fixture(autouse=True)
def in_small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the machine is: twenty events first, then five at a time."""
    monkeypatch.setattr(listing, "STRETCH", 20)
    monkeypatch.setattr(listing, "LONG", 0.0)
    monkeypatch.setattr(listing, "FEW", 3)


def said(value: object) -> Iterable[str]:
    """All that an event says in brief, piece by piece."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from said(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from said(inner)
    elif value is not None:
        yield str(value)


def matches(event: Event, match: Match) -> bool:
    """Would one who reads the event say that it matches?"""
    words = match.words.translate(LOWER)
    texts = [event.type, *said(msgspec.to_builtins(event.facts))]
    return (
        (not match.types or event.type in match.types)
        and (not match.failed or event.facts.failed)
        and any(words in text.translate(LOWER) for text in texts)
    )


def positions_of(events: Sequence[Event], match: Match, about: Callable[[Event], bool] = lambda _: True) -> list[int]:
    """The positions of the events that match."""
    return [at for at, event in enumerate(events, 1) if matches(event, match) and about(event)]


def beneath(state: RunState, root: str) -> list[str]:
    """A node and all that is in it, in the order of birth."""

    def inside(node_id: str | None) -> bool:
        while node_id is not None and node_id != root:
            node_id = state.nodes[node_id].outer
        return node_id is not None

    return [root, *(node_id for node_id in state.nodes if node_id != root and inside(node_id))]


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator[RunReader]:
    """The only run of a file."""
    async with Reader(path) as reader:
        ((key,),) = query(path, "SELECT key FROM run")
        yield RunReader(reader, key)


async def looked_through(found: Matches) -> list[int]:
    """All that there is to be found, with a look at what is there after each stretch."""
    shares = [found.looked]
    while not found.complete:
        was = list(found.positions)
        before = await found.look()
        now = list(found.positions)
        assert now == sorted(set(now))
        assert now[before : before + len(was)] == was
        assert before == 0 or len(now) == before + len(was), "what comes before and after is found by different looks"
        shares.append(found.looked)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert await found.look() == 0
    return list(found.positions)


async def check_rows(found: Listing, run: RunReader, positions: Sequence[int], end: int) -> None:
    """Rows and counts of a listing are of the events at these positions."""
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
"""Names of these tests: the same in every process."""


def simulated() -> list[Entry]:
    scenario = Scenario(seed=3, nodes=30, topic="heat-pumps", ending="failing-branch", items=2)
    return [entry_of(event.body, at) for at, event in enumerate(islice(simulate(scenario), 420), 1_000)]


BACKWARDS = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


# All events


async def test_all_events_of_a_run_are_there_without_looking(db: Path) -> None:
    entries = simulated()
    store(db, entries)
    async with reading(db) as run:
        found = RunEvents(run)
        assert found.complete
        await check_rows(found, run, range(1, len(entries) + 1), len(entries))


async def test_all_events_of_a_node_are_as_many_as_the_node_says(db: Path) -> None:
    entries = simulated()
    store(db, entries)
    events, state = events_of(entries), state_of(entries)
    async with reading(db) as run:
        for node_id, key in (await run.keys(state.nodes)).items():
            positions = positions_of(events, Match(), lambda event: node_id in event.facts.concerns)  # noqa: B023
            found = NodeEvents(run, key, state.nodes[node_id].events)
            assert (found.complete, found.count(7)) == (True, len(positions))
            await check_rows(found, run, positions, len(entries))


# Some events


@BACKWARDS
@pytest.mark.parametrize("match", MATCHES, ids=IDS)
async def test_events_of_a_run_that_match_are_found(db: Path, match: Match, backwards: bool) -> None:
    entries = simulated()
    store(db, entries)
    positions = positions_of(events_of(entries), match)
    async with reading(db) as run:
        found = Matches(run, match, 1, len(entries), backwards)
        assert await looked_through(found) == positions
        await check_rows(found, run, positions, len(entries))


def test_the_simulated_run_has_some_of_nearly_all() -> None:
    counts = {repr(match): len(positions_of(events_of(simulated()), match)) for match in MATCHES}
    assert sorted(counts.values())[2] > 2
    assert list(counts.values()).count(0) == 2


@BACKWARDS
@pytest.mark.parametrize("match", MATCHES, ids=IDS)
async def test_events_of_a_node_that_match_are_found(db: Path, match: Match, backwards: bool) -> None:
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
async def test_events_of_a_subtree_that_match_are_found(
    db: Path, monkeypatch: pytest.MonkeyPatch, match: Match, few: int, backwards: bool
) -> None:
    """Whether its nodes are asked one by one, or all events are looked through: the same ones."""
    monkeypatch.setattr(listing, "FEW", few)
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
async def test_words_are_what_stands_there_and_nothing_else(db: Path, words: str, count: int, backwards: bool) -> None:
    """Signs that mean something to SQLite, or to JSON, mean nothing here; upper and lower case of a to z are the same."""
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


# While it grows


@BACKWARDS
async def test_what_comes_while_it_is_looked_for_is_found_too(db: Path, backwards: bool) -> None:
    entries = simulated()
    events, match = events_of(entries), Match(types=frozenset({"step_started", "llm_call_started"}))
    store(db, entries[:200])
    async with reading(db) as run:
        found = Matches(run, match, 1, 200, backwards)
        await found.look()
        for end in range(210, len(entries) + 1, 15):
            store(db, entries[end - 15 : end])
            found.grow(end)
            assert not found.complete
            was = list(found.positions)
            assert await found.look() == 0, "what is new comes after all that was there"
            assert list(found.positions)[: len(was)] == was
        end = 210 + (len(entries) - 210) // 15 * 15
        assert await looked_through(found) == positions_of(events[:end], match)


async def test_it_does_not_shrink(db: Path) -> None:
    """Who walks back in time counts fewer rows; what was found stays."""
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
async def test_a_subtree_that_grows(db: Path, monkeypatch: pytest.MonkeyPatch, few: int, backwards: bool) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    entries = simulated()
    events = events_of(entries)
    store(db, entries[:100])
    state = state_of(entries[:100])
    root = state.run.roots[0]
    async with reading(db) as run:
        keys = await run.keys(state.nodes)
        known = beneath(state, root)
        found = SubtreeMatches(run, Match(), [keys[node_id] for node_id in known], state.nodes[root].born, 100, backwards)
        await found.look()
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
            assert await found.look() == 0
        inside = set(known)
        positions = positions_of(events[:end], Match(), lambda event: not inside.isdisjoint(event.facts.concerns))
        assert await looked_through(found) == positions
        assert found.small is (few > 0)


async def test_a_subtree_may_grow_large_while_it_is_looked_through(db: Path) -> None:
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


# Nothing


@BACKWARDS
async def test_of_nothing_nothing_is_found(db: Path, backwards: bool) -> None:
    store(db, Recorder().root().entries)
    async with reading(db) as run:
        found = Matches(run, Match(words="x"), 1, 0, backwards)
        assert (found.complete, found.looked, found.count(5), await found.rows(0, 9)) == (True, 1.0, 0, [])
        assert await found.look() == 0


# The law


types = st.frozensets(st.sampled_from(("step_started", "node_created", "edge_added", "llm_call_completed")), max_size=2)
asked = st.builds(Match, types, st.sampled_from(("", "fin", "EDGE", "ready", "goal")), st.booleans())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(streams("run", max_size=60), asked, st.booleans(), st.integers(0, 60), st.randoms(use_true_random=False))
def test_whatever_is_published_what_matches_is_found(
    entries: list[Entry], match: Match, backwards: bool, cut: int, random: Random
) -> None:
    """Some of it is there when one begins to look, the rest comes while one looks."""

    async def look(path: Path) -> None:
        async with reading(path) as run:
            events, state = events_of(entries), state_of(entries)
            keys = await run.keys(state.nodes)
            there = min(cut, len(entries))
            root = random.choice(sorted(keys)) if keys else None
            found: dict[str, Matches] = {"run": Matches(run, match, 1, there, backwards)}
            wanted = {"run": positions_of(events, match)}
            if root is not None:
                inside = set(beneath(state, root))
                some = [keys[node_id] for node_id in beneath(state, root)]
                born, named = state.nodes[root].born, [root in event.facts.concerns for event in events]
                found["node"] = NodeMatches(run, match, keys[root], sum(named[:there]), backwards)
                wanted["node"] = [at for at in wanted["run"] if named[at - 1]]
                small = SubtreeMatches(run, match, some, born, max(there, born), backwards)
                found["subtree"] = small
                if small.small:
                    close = [not inside.isdisjoint(event.facts.concerns) for event in events]
                else:
                    close = [event.facts.subject in inside or root in event.facts.concerns for event in events]
                wanted["subtree"] = [at for at in wanted["run"] if close[at - 1] and at >= born]
            for one in found.values():
                for _ in range(random.randint(0, 3)):
                    await one.look()
                one.grow(sum(named) if isinstance(one, NodeMatches) else len(entries))
            for name, one in found.items():
                assert await looked_through(one) == wanted[name], name

    if entries:
        with TemporaryDirectory() as folder:
            path = Path(folder, "x.db")
            store(path, entries)
            asyncio.run(look(path))
