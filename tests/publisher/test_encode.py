"""Encoding of events: a payload may contain any value."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.stream.server import RedisServer
from tests.published import bodies
from treetop.publisher import Publisher


@pytest.fixture
def run(redis_server: RedisServer) -> Iterator[Publisher]:
    with Publisher(redis_server.url) as publisher:
        yield publisher


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Model:
    def model_dump(self) -> dict[str, object]:
        return {"prompt_tokens": 7}


class Mock:
    """Has every attribute, like mocks and proxies of remote services."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda: self

    def __str__(self) -> str:
        return "at your service"


class Number(float):
    pass


@pytest.mark.parametrize(
    ("value", "published"),
    [
        (math.nan, None),
        (Number(1.5), 1.5),
        ("a\ud800b", "a�b"),
        ({"\udfff": ["\ud800", {1}]}, {"�": ["�", [1]]}),
        (Path("a/b"), "a/b"),
        (ValueError("x"), "ValueError('x')"),
        (Model(), {"prompt_tokens": 7}),
        (Mock(), "at your service"),
        (Broken(), "<Broken: RuntimeError>"),
        (Broken, f"{Broken}"),
        ({1: {(2, 3): b"x"}}, {"1": {"(2, 3)": "eA=="}}),
    ],
)
def test_a_payload_with_any_value_is_published_as_json(
    value: object, published: object, run: Publisher, redis_server: RedisServer
) -> None:
    run.emit("thought", {"value": value})
    assert run.flush(20)
    assert bodies(redis_server)[0]["payload"] == {"value": published}


def test_summaries_are_made_of_any_value(run: Publisher, redis_server: RedisServer) -> None:
    circle: list[object] = []
    circle.append(circle)
    run.tool_invoked("Tool", "run", Broken())
    run.node_result_available("n", "plan", circle)
    run.llm_call_started("Writer", "m", Broken())
    run.run_error("it \ud800 broke")
    run.llm_call_completed("c", "Writer", "m", Broken(), 1.0, token_usage=Model())
    run.llm_call_completed("c", "Writer", "m", Broken(), 1.0, token_usage="many")
    assert run.flush(20)
    payloads = [body["payload"] for body in bodies(redis_server)]
    assert payloads[0]["args_summary"] == "<Broken: RuntimeError>..."
    assert payloads[1]["result_summary"] == "[[...]]..."
    assert payloads[2]["prompt_preview"] == "<Broken: RuntimeError>..."
    assert payloads[3]["error_message"] == "it � broke"
    assert [payload.get("token_usage") for payload in payloads[4:]] == [{"prompt_tokens": 7}, None]
    assert run.dropped == 0


def test_an_event_that_cannot_be_serialised_is_counted_and_reported(run: Publisher, redis_server: RedisServer) -> None:
    circle: dict[str, object] = {}
    circle["circle"] = circle
    run.emit("thought", circle)
    run.emit("thought", {"number": 1})
    assert run.flush(20)
    assert run.dropped == 1
    notice, after = bodies(redis_server)
    assert (notice["event_type"], notice["run_id"]) == ("events_dropped", run.run_id)
    assert notice["payload"] == {"count": 1, "reasons": {"thought is not serialisable (RecursionError)": 1}}
    assert after["payload"] == {"number": 1}
