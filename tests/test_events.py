"""From published bytes to an event: what is read, what is made up, what is refused and in which words."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import events as ev
from store.events import PREVIEW, TYPES, Event, Facts, StreamId, Unreadable, decode, decode_facts, encode_facts
from tests.recorder import Recorder, body_of

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
    """The event of an envelope with these changes."""
    return decode(body_of(ENVELOPE | changes), AT)


def lacking(name: str) -> Event:
    return decode(body_of({key: value for key, value in ENVELOPE.items() if key != name}), AT)


def facts(event_type: str, **payload: object) -> Facts:
    return read(event_type=event_type, payload=payload).facts


def refusal(body: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        decode(body, AT)
    return str(error.value)


# The envelope


def test_an_event_is_read_as_published() -> None:
    expected = ev.StepStarted(node_id="n", step=4, node_goal="Search", root_id="r")
    assert read() == Event("b1946ac9", "step_started", MOMENT, "run", expected)


def test_an_event_without_id_goes_by_the_id_of_its_entry() -> None:
    assert lacking("event_id").event_id == "1745342735470-3"
    assert read(event_id=None).event_id == "1745342735470-3"
    assert read(event_id="").event_id == "1745342735470-3"


def test_an_event_without_time_happened_when_redis_received_it() -> None:
    for event in (lacking("timestamp"), read(timestamp="yesterday"), read(timestamp=5), read(timestamp=None)):
        assert event.time == 1745342735.47


def test_a_run_that_is_not_named_is_none() -> None:
    assert lacking("run_id").run_id is None
    assert read(run_id=None).run_id is None
    assert read(run_id="").run_id is None


def test_numbers_will_do_as_ids() -> None:
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
def test_times_are_understood_in_every_form_that_emitters_use(timestamp: str, seconds: float) -> None:
    assert read(timestamp=timestamp).time == seconds


def test_of_a_field_given_twice_the_last_counts() -> None:
    body = b'{"event_type":"x","payload":{"node_id":"a"},"event_type":"y","payload":{"node_id":"b","node_id":"c"}}'
    event = decode(body, AT)
    assert (event.type, event.facts.node_id) == ("y", "c")


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert read(hostname="agent-7", payload={"step": 4, "node_id": "n", "mood": {"good": [2**80, "\x00"]}}).facts.step == 4


# What is refused


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
def test_what_is_no_event_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"event_type":"x\xff","payload":{}}',
        b'{"event_type":"x","payload":{"node_id":"a\xff"}}',
        b'{"event_type":"x","payload":{"response":"a\xff"}}',
        b'{"event_type":"x","payload":{"response":"\xed\xa0\x80"}}',
    ],
)
def test_bytes_that_are_not_utf_8_are_refused_wherever_they_are(body: bytes) -> None:
    assert refusal(body).startswith("not UTF-8: byte ")


@given(st.integers(0, 12), st.text("aé漢👍", min_size=12, max_size=30), st.none() | st.integers(0, 60))
def test_a_large_body_is_looked_at_piece_by_piece(before: int, text: str, spoilt: int | None) -> None:
    """With a piece of any end: in the middle of a character, before one, after one."""
    body = b'{"event_type":"x","payload":{"text":"' + b"x" * before + text.encode() + b'"}}'
    if spoilt is not None and spoilt < len(body):
        body = body[:spoilt] + b"\xff" + body[spoilt:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ev, "PIECE", 7)
        with suppress(UnicodeDecodeError):
            body.decode()
            assert decode(body, AT).type == "x"
            return
        with pytest.raises(UnicodeDecodeError) as found:
            body.decode()
        at = found.value.start
        assert refusal(body) == f"not UTF-8: byte {at} is {body[at]:#04x}"


def test_a_type_that_is_no_name_is_refused() -> None:
    assert len(read(event_type="x" * ev.LONGEST_TYPE).type) == ev.LONGEST_TYPE == 1_000_000
    assert refusal(body_of(ENVELOPE | {"event_type": "x" * 1_000_001})) == "event_type has 1,000,001 characters"


def test_of_a_plan_without_end_the_beginning_is_kept() -> None:
    facts = read(event_type="plan_received", payload={"node_id": "n", "raw_plan": [{}] * 10_001}).facts
    assert isinstance(facts, ev.PlanReceived)
    assert facts.raw_plan is not None
    assert len(facts.raw_plan) == ev.PLANNED == 10_000


def test_half_a_surrogate_pair_is_refused() -> None:
    assert refusal(b'{"event_type":"x","payload":{"response":"\\ud800 and more"}}').startswith("not JSON")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_without_end_is_refused(opening: str) -> None:
    assert refusal(b'{"event_type":"x","payload":{"raw_plan":' + opening.encode() * 1_000_000) == "nested too deeply"


def test_deep_plans_are_read() -> None:
    deep = '{"sub_tasks":[' * 200 + "{}" + "]}" * 200
    body = '{"event_type":"plan_received","payload":{"node_id":"n","raw_plan":[' + deep + "]}}"
    assert decode(body.encode(), AT).facts.subject == "n"


def test_a_number_of_five_thousand_digits_is_no_id() -> None:
    assert "out of range" in refusal(b'{"event_id":' + b"9" * 5000 + b',"event_type":"x","payload":{}}')


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", 1e300])
def test_a_duration_must_be_a_number_that_can_be_added(word: object) -> None:
    assert "duration_seconds" in refusal(
        body_of(ENVELOPE | {"event_type": "step_finished", "payload": {"duration_seconds": word}})
    )


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_are_refused(body: bytes) -> None:
    try:
        kind = decode(body, AT).type
    except Unreadable as error:
        kind = str(error)
    assert kind


def json_values() -> st.SearchStrategy[object]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
    )


@given(st.sampled_from(sorted(TYPES)), st.data())
def test_a_payload_of_anything_is_an_event_or_is_refused(event_type: str, data: st.DataObject) -> None:
    names = st.sampled_from(msgspec.structs.fields(TYPES[event_type])).map(lambda field: field.name)
    payload = data.draw(st.dictionaries(names, json_values(), max_size=4))
    try:
        body = msgspec.json.encode(ENVELOPE | {"event_type": event_type, "payload": payload})
    except UnicodeEncodeError:
        return  # half a surrogate pair: an agent could not publish it either
    try:
        found = decode(body, AT).facts
    except Unreadable:
        assert refusal(body).startswith(f"payload of {event_type}: ")
    else:
        assert decode_facts(event_type, encode_facts(found)) == found


# The facts


def test_all_types_of_events_are_read() -> None:
    recorder = Recorder().whole().run_error()
    assert {event.type for event in recorder.events} == set(TYPES)
    for event in recorder.events:
        assert type(event.facts) is TYPES[event.type]
        assert decode_facts(event.type, encode_facts(event.facts)) == event.facts


def test_a_type_that_nobody_knows_is_an_event_too() -> None:
    event = read(event_type="context_snapshot", payload={"node_id": "n", "step": 3, "snapshot": [1, 2, 3]})
    assert event.type == "context_snapshot"
    assert event.facts == ev.Other(node_id="n", step=3)


def test_numbers_in_quotes_are_numbers() -> None:
    assert facts("step_finished", step="4", duration_seconds="0.5") == ev.StepFinished(step=4, duration_seconds=0.5)


def test_ids_that_look_like_numbers_stay_as_they_are() -> None:
    assert facts("node_created", node_id="007", node_nid="null").mentions == ("007",)
    assert facts("node_created", node_id="007", node_nid=0) == ev.NodeCreated(node_id="007", node_nid="0")


def test_only_the_beginning_of_a_long_text_is_kept() -> None:
    found = facts("llm_call_completed", result_summary="x" * 503, response="y" * 100_000)
    assert found == ev.LlmCallCompleted(result_summary="x" * PREVIEW)


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
def test_an_event_knows_all_the_nodes_that_it_names(
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
def test_an_event_knows_whether_something_went_wrong(event_type: str, payload: dict[str, object], failed: bool) -> None:
    assert facts(event_type, **payload).failed is failed


# Ids of stream entries


def test_ids_of_entries_order_by_number_not_by_letter() -> None:
    ids = ["1745342735470-3", "999-10", "1745342735470-12", "999-9", "1745342735471"]
    ordered = ["999-9", "999-10", "1745342735470-3", "1745342735470-12", "1745342735471-0"]
    assert [str(at) for at in sorted(map(StreamId.parse, ids))] == ordered


def test_the_largest_id_that_redis_has_fits_into_sqlite() -> None:
    assert StreamId.parse(b"18446744073709551615-18446744073709551615").bounded == (2**63 - 1, 2**63 - 1)
