"""Events and their rows: every fact survives, nothing is stored twice, and what lists show are columns."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.database.event_row import (
    EVENT_COLUMNS,
    FACT_COLUMNS,
    EventReader,
    event_id_from_row,
    event_id_to_row,
    facts_to_row,
)
from store.model import event_type as ev
from store.model.decode import Unreadable, decode
from store.model.entry import StreamId
from store.model.event_type import TYPES
from store.model.facts import Facts
from tests.recorder import Recorder, body_of
from tests.tables import query, store

UUID = "0d2f7a39-12b4-4c1c-9d0e-5f6a7b8c9d0e"


def read_again(facts: Facts, keys: Mapping[str, int]) -> Facts:
    """The facts that are read from the row of these facts. `keys`: keys of nodes by id."""
    subject = None if facts.subject is None else keys[facts.subject]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE TABLE node (key, node_id); CREATE TABLE event_type (key, name)")
        connection.executemany("INSERT INTO node VALUES (?, ?)", [(key, node_id) for node_id, key in keys.items()])
        connection.execute("INSERT INTO event_type VALUES (1, ?)", (facts.type,))
        (event,) = EventReader(connection).read(
            [(1, "id", 0.0, None, None, subject, None, None, *facts_to_row(facts, keys))]
        )
    return event.facts


def normal(facts: Facts) -> Facts:
    """The facts, without an empty subject: it names no node."""
    return facts if facts.subject else msgspec.structs.replace(facts, **{facts.node_fields[0]: None})


def json_values() -> st.SearchStrategy[object]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
    )


@given(st.sampled_from(sorted(TYPES)), st.data())
def test_any_facts_survive(event_type: str, data: st.DataObject) -> None:
    """Payloads that cannot be decoded are rejected before."""
    names = st.sampled_from(msgspec.structs.fields(TYPES[event_type])).map(lambda field: field.name)
    payload = data.draw(st.dictionaries(names, json_values() | st.sampled_from(["a", "b"]), max_size=6))
    try:
        found = decode(body_of({"event_type": event_type, "payload": payload}), StreamId(1, 0)).facts
    except (Unreadable, UnicodeEncodeError):  # a lone surrogate, which an agent cannot publish either
        return
    keys = {node_id: number for number, node_id in enumerate(found.concerns, 1)}
    assert read_again(found, keys) == normal(found)


def test_facts_of_all_types_survive() -> None:
    recorder = Recorder().whole().run_error()
    assert {event.type for event in recorder.events} == set(TYPES)
    for event in recorder.events:
        keys = {node_id: number for number, node_id in enumerate(event.facts.mentions, 1)}
        found = read_again(event.facts, keys)
        assert type(found) is TYPES[event.type]
        assert found == event.facts


@pytest.mark.parametrize(
    "usage", [None, ev.TokenUsage(), ev.TokenUsage(1), ev.TokenUsage(None, 2), ev.TokenUsage(1, 2, 3, 4, 5)]
)
def test_token_usage_survives(usage: ev.TokenUsage | None) -> None:
    facts = ev.LlmCallCompleted(node_id="n", call_id="c", token_usage=usage, tries=2)
    assert read_again(facts, {"n": 1}) == facts


def test_a_node_is_stored_by_its_key() -> None:
    facts = ev.EdgeAdded(node_id="owner", graph_owner_node_id="owner", parent_node_id="12", child_node_id="b", parent_nid=1)
    row = facts_to_row(facts, {"owner": 12, "12": 13, "b": 14})
    assert row == (*[None] * len(FACT_COLUMNS), "[12,13,14,null,null,1]")


def test_a_node_without_a_row_is_stored_by_its_id() -> None:
    facts = ev.StepStarted(node_id="a", root_id="12")
    assert facts_to_row(facts, {"a": 12})[-1] == '[null,"12"]'
    assert read_again(facts, {"a": 12}) == facts


def test_what_lists_show_are_columns(db: Path) -> None:
    recorder = Recorder().root("a").step_started("a", step=1).llm("a", tokens=(5, 7), error="no")
    store(db, recorder.tool_invoked("a").step_finished("a", "execute", after="FAILED", step=1).entries)
    found = query(db, "SELECT event_type, step, label, model, duration_seconds, tokens_in, tokens_out, error FROM events")
    by_type = {row[0]: row[1:] for row in found}
    assert by_type["llm_call_completed"] == (None, "SimpleExecutor", "gpt-4o-mini", 1.5, 5, 7, "no")
    assert by_type["tool_invoked"][1] == "BingBrowser"
    assert by_type["step_finished"][:2] == (1, "execute")


def test_every_column_of_an_event_is_written(db: Path) -> None:
    store(db, Recorder().whole().entries)
    assert [*EVENT_COLUMNS] == [name for (name,) in query(db, "SELECT name FROM pragma_table_info('event')")]


@given(st.text(alphabet="0123456789abcdefABCDEF- {}", min_size=34, max_size=38) | st.uuids().map(str) | st.text())
@example(UUID.upper())
@example(f"{UUID[:8]} {UUID[9:]}")
@example(UUID.replace("-", ""))
def test_every_event_id_survives(event_id: str) -> None:
    assert event_id_from_row(event_id_to_row(event_id)) == event_id


def test_a_uuid_takes_16_bytes_and_the_view_shows_it_as_text(db: Path) -> None:
    store(db, Recorder().emit("note", {}, event_id=UUID).emit("note", {}, event_id=UUID.upper()).entries)
    assert query(db, "SELECT typeof(event_id), length(event_id) FROM event") == [("blob", 16), ("text", 36)]
    assert query(db, "SELECT event_id FROM events") == [(UUID,), (UUID.upper(),)]
