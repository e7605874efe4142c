"""Decoding of published bytes: fields, defaults, and the reasons for which bytes are rejected."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model import event_type as ev
from store.model.decode import TYPE_CHARS_MAX, Unreadable, decode
from store.model.entry import StreamId
from store.model.event import Event
from store.model.facts import PREVIEW_CHARS, Facts
from tests.recorder import body_of

AT = StreamId(1745342735470, 3)
MOMENT = 1745342711.434487
ENVELOPE: dict[str, object] = {
    "event_id": "b1946ac9",
    "timestamp": "2025-04-22T17:25:11.434487Z",
    "event_type": "step_started",
    "payload": {"step": 4, "node_id": "n", "node_goal": "Search", "root_id": "r"},
    "run_id": "run",
}


def read(**changes: object) -> Event:
    """The event of `ENVELOPE` with changes."""
    return decode(body_of(ENVELOPE | changes), AT)


def lacking(name: str) -> Event:
    return decode(body_of({key: value for key, value in ENVELOPE.items() if key != name}), AT)


def facts(event_type: str, **payload: object) -> Facts:
    return read(event_type=event_type, payload=payload).facts


def rejection(body: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        decode(body, AT)
    return str(error.value)


# The envelope


def test_an_event_has_the_published_values() -> None:
    expected = ev.StepStarted(node_id="n", step=4, node_goal="Search", root_id="r")
    assert read() == Event("b1946ac9", "step_started", MOMENT, "run", expected)


def test_the_default_id_of_an_event_is_the_id_of_its_entry() -> None:
    assert lacking("event_id").event_id == "1745342735470-3"
    assert read(event_id=None).event_id == "1745342735470-3"
    assert read(event_id="").event_id == "1745342735470-3"


def test_the_default_time_of_an_event_is_the_arrival_of_its_entry() -> None:
    for event in (lacking("timestamp"), read(timestamp="yesterday"), read(timestamp=5), read(timestamp=None)):
        assert event.time == 1745342735.47


def test_a_missing_run_id_is_none() -> None:
    assert lacking("run_id").run_id is None
    assert read(run_id=None).run_id is None
    assert read(run_id="").run_id is None


def test_numeric_ids_become_text() -> None:
    event = read(event_id=17, run_id=3, payload={"node_id": 0, "root_id": 12345678901234567890123})
    assert (event.event_id, event.run_id) == ("17", "3")
    assert event.facts.mentions == ("0", "12345678901234567890123")


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2025-04-22T17:25:11Z", 1745342711.0),
        ("2025-04-22T17:25:11.4Z", 1745342711.4),
        ("2025-04-22T17:25:11.434487", MOMENT),
        ("2025-04-22T17:25:11.434487+00:00", MOMENT),
        ("2025-04-22T17:25:11.434487+00:00Z", MOMENT),
        ("2025-04-22T19:25:11.434487+02:00", MOMENT),
    ],
)
def test_every_time_format_of_emitters_is_parsed(timestamp: str, seconds: float) -> None:
    assert read(timestamp=timestamp).time == seconds


def test_the_last_of_duplicate_fields_is_used() -> None:
    body = b'{"event_type":"x","payload":{"node_id":"a"},"event_type":"y","payload":{"node_id":"b","node_id":"c"}}'
    event = decode(body, AT)
    assert (event.type, event.facts.node_id) == ("y", "c")


def test_unknown_fields_are_ignored() -> None:
    assert read(hostname="agent-7", payload={"step": 4, "node_id": "n", "mood": {"good": [2**80, "\x00"]}}).facts.step == 4


# Rejected bytes


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: Input data was truncated"),
        (b"hello", "not JSON: JSON is malformed: invalid character (byte 0)"),
        (b'{"event_type":"x","payload":{}} {}', "not JSON: JSON is malformed: trailing characters (byte 33)"),
        (b'{"event_type":"x","payload":{"node_id":"a"', "not JSON: Input data was truncated"),
        (b'{"event_type":"x","payload":{"q":NaN}}', "not JSON: JSON is malformed: invalid character (byte 33)"),
        (b'{"event_type":"x","payload":{"q":"a\x00"}}', "not JSON: JSON is malformed: invalid character (byte 35)"),
        (b"null", "Expected `object`, got `null`"),
        (b"[1,2]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `event_type`"),
        (b'{"event_type":"x"}', "Object missing required field `payload`"),
        (b'{"event_type":"","payload":{}}', "event_type is empty"),
        (b'{"event_type":7,"payload":{}}', "Expected `str`, got `int` - at `$.event_type`"),
        (b'{"event_type":"x","payload":null}', "payload of x: Expected `object`, got `null`"),
        (b'{"event_type":"x","payload":"{}"}', "payload of x: Expected `object`, got `str`"),
        (b'{"event_id":{},"event_type":"x","payload":{}}', "Expected `int | str | null`, got `object` - at `$.event_id`"),
        (b'{"event_type":"x","payload":{"step":{}}}', "payload of x: Expected `int | null`, got `object` - at `$.step`"),
        (b'{"event_type":"x","payload":{"step":1.5}}', "payload of x: Expected `int | null`, got `float` - at `$.step`"),
        (
            b'{"event_type":"x","payload":{"step":9223372036854775808}}',
            "payload of x: Expected `int` <= 9223372036854775807 - at `$.step`",
        ),
    ],
)  # fmt: skip
def test_bytes_that_are_not_an_event_are_rejected_with_the_reason(body: bytes, reason: str) -> None:
    assert rejection(body) == reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type":"x\xff","payload":{}}',
        b'{"event_type":"x","payload":{"node_id":"a\xff"}}',
        b'{"event_type":"x","payload":{"response":"a\xff"}}',
        b'{"event_type":"x","payload":{"response":"\xed\xa0\x80"}}',
    ],
)
def test_invalid_utf_8_is_rejected_in_every_field(body: bytes) -> None:
    assert rejection(body).startswith("not UTF-8: byte ")


@given(st.integers(0, 12), st.text("aé漢👍", min_size=12, max_size=30), st.none() | st.integers(0, 60))
def test_a_large_body_is_checked_in_chunks(before: int, text: str, spoilt: int | None) -> None:
    """Chunks may end inside a character."""
    body = b'{"event_type":"x","payload":{"text":"' + b"x" * before + text.encode() + b'"}}'
    if spoilt is not None and spoilt < len(body):
        body = body[:spoilt] + b"\xff" + body[spoilt:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("store.model.decode.CHUNK_BYTES", 7)
        with suppress(UnicodeDecodeError):
            body.decode()
            assert decode(body, AT).type == "x"
            return
        with pytest.raises(UnicodeDecodeError) as found:
            body.decode()
        at = found.value.start
        assert rejection(body) == f"not UTF-8: byte {at} is {body[at]:#04x}"


def test_an_oversized_event_type_is_rejected() -> None:
    assert len(read(event_type="x" * TYPE_CHARS_MAX).type) == TYPE_CHARS_MAX == 1_000_000
    assert rejection(body_of(ENVELOPE | {"event_type": "x" * 1_000_001})) == "event_type has 1,000,001 characters"


def test_an_oversized_plan_is_cut() -> None:
    facts = read(event_type="plan_received", payload={"node_id": "n", "raw_plan": [{}] * 10_001}).facts
    assert isinstance(facts, ev.PlanReceived)
    assert facts.raw_plan is not None
    assert len(facts.raw_plan) == ev.PLAN_TASKS_MAX == 10_000


def test_a_lone_surrogate_is_rejected() -> None:
    assert rejection(b'{"event_type":"x","payload":{"response":"\\ud800 and more"}}').startswith("not JSON")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_excessive_nesting_is_rejected(opening: str) -> None:
    assert rejection(b'{"event_type":"x","payload":{"raw_plan":' + opening.encode() * 1_000_000) == "nested too deeply"


def test_a_plan_of_200_levels_is_decoded() -> None:
    deep = '{"sub_tasks":[' * 200 + "{}" + "]}" * 200
    body = '{"event_type":"plan_received","payload":{"node_id":"n","raw_plan":[' + deep + "]}}"
    assert decode(body.encode(), AT).facts.subject == "n"


def test_an_id_of_five_thousand_digits_is_rejected() -> None:
    assert "out of range" in rejection(b'{"event_id":' + b"9" * 5000 + b',"event_type":"x","payload":{}}')


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", 1e300])
def test_durations_that_are_nan_or_infinite_are_rejected(word: object) -> None:
    assert "duration_seconds" in rejection(
        body_of(ENVELOPE | {"event_type": "step_finished", "payload": {"duration_seconds": word}})
    )


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_decoded_or_rejected(body: bytes) -> None:
    try:
        kind = decode(body, AT).type
    except Unreadable as error:
        kind = str(error)
    assert kind


# Facts


def test_an_event_of_an_unknown_type_is_decoded() -> None:
    event = read(event_type="context_snapshot", payload={"node_id": "n", "step": 3, "snapshot": [1, 2, 3]})
    assert event.type == "context_snapshot"
    assert event.facts == ev.Other(node_id="n", step=3)


def test_quoted_numbers_are_decoded_as_numbers() -> None:
    assert facts("step_finished", step="4", duration_seconds="0.5") == ev.StepFinished(step=4, duration_seconds=0.5)


def test_ids_that_look_like_numbers_stay_text() -> None:
    assert facts("node_created", node_id="007", node_nid="null").mentions == ("007",)
    assert facts("node_created", node_id="007", node_nid=0) == ev.NodeCreated(node_id="007", node_nid="0")


def test_long_texts_are_cut() -> None:
    found = facts("llm_call_completed", result_summary="x" * 503, response="y" * 100_000)
    assert found == ev.LlmCallCompleted(result_summary="x" * PREVIEW_CHARS)


@pytest.mark.parametrize(
    ("event_type", "payload", "subject", "mentions"),
    [
        ("run_started", {}, None, ()),
        ("step_started", {"node_id": "n", "root_id": "r"}, "n", ("n", "r")),
        ("node_created", {"node_id": "n", "outer_node_id": "o", "root_node_id": "r"}, "n", ("n", "o", "r")),
        ("node_created", {"node_id": "r", "outer_node_id": None, "root_node_id": "UNKNOWN"}, "r", ("r",)),
        ("node_added", {"node_id": "o", "graph_owner_node_id": "o", "added_node_id": "n"}, "o", ("o", "n")),
        ("edge_added", {"graph_owner_node_id": "o", "parent_node_id": "p", "child_node_id": "c"}, None, ("o", "p", "c")),
        ("inner_graph_built", {"node_id": "o", "node_ids": ["n", 2, "n"]}, "o", ("o", "n", "2")),
        ("llm_call_started", {"node_id": "n"}, "n", ("n",)),
    ],
)
def test_facts_list_all_nodes_that_an_event_names(
    event_type: str, payload: dict[str, object], subject: str | None, mentions: tuple[str, ...]
) -> None:
    found = facts(event_type, **payload)
    assert (found.subject, found.mentions) == (subject, mentions)


@pytest.mark.parametrize(
    ("event_type", "payload", "failed"),
    [
        ("run_error", {}, True),
        ("run_finished", {}, False),
        ("step_finished", {"status_after": "FAILED"}, True),
        ("node_status_changed", {"new_status": "FAILED"}, True),
        ("llm_call_completed", {"error": "timeout"}, True),
        ("llm_call_completed", {"error": ""}, False),
        ("llm_call_completed", {"error": None}, False),
        ("tool_returned", {"state": "HTTP_ERROR"}, True),
        ("tool_returned", {"state": "SUCCESS"}, False),
    ],
)
def test_facts_state_whether_an_event_reports_an_error(event_type: str, payload: dict[str, object], failed: bool) -> None:
    assert facts(event_type, **payload).failed is failed
