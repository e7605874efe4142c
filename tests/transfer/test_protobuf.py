"""Conversion of events in protobuf form."""

import pytest

from store.transfer.protobuf import plain_payload, plain_type


@pytest.mark.parametrize(
    ("name", "stored", "plain"),
    [
        ("STEP_STARTED", {"step": 0, "nodeId": "n"}, {"step": 0, "node_id": "n"}),
        ("STEP_STARTED", {"step_started": {"node_id": "n"}}, {"node_id": "n"}),
        ("STEP_STARTED", {"stepStarted": {"nodeId": "n"}, "event_id": "e", "new": 1}, {"new": 1, "node_id": "n"}),
        ("LLM_CALL_COMPLETED", {"tokenUsage": {"promptTokens": 5}}, {"token_usage": {"prompt_tokens": 5}}),
        ("PLAN_RECEIVED", {"rawPlan": {"subTasks": []}}, {"raw_plan": [{"subTasks": []}]}),
        ("PLAN_RECEIVED", {"node_id": "n", "raw_plan": {}}, {"node_id": "n", "raw_plan": []}),
        ("RUN_STARTED", {"config": {"maxSteps": 1}}, {"config": {"maxSteps": 1}}),
        ("UNSPECIFIED", {"unknownPayload": {"a": 1}}, {"a": 1}),
    ],
)
def test_protobuf_form_is_converted_to_plain_form(name: str, stored: dict[str, object], plain: dict[str, object]) -> None:
    assert plain_payload(f"EVENT_TYPE_{name}", stored) == plain


def test_camel_case_is_converted_without_a_protobuf_type() -> None:
    assert plain_payload("step_started", {"nodeId": "n", "rootId": "r"}) == {"node_id": "n", "root_id": "r"}


@pytest.mark.parametrize("stored", [{"node_id": "n"}, {"myField": 1, "nodes": {"nodeId": 2}}, {}, [1], None, "text"])
def test_a_plain_payload_is_returned_itself(stored: object) -> None:
    assert plain_payload("step_started", stored) is stored


def test_protobuf_types_are_converted_to_plain_types() -> None:
    assert plain_type("EVENT_TYPE_NODE_STATUS_CHANGED") == "node_status_changed"
    assert plain_type("my_Type") == "my_Type"
