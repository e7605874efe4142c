"""Whatever an agent puts into an event, something that can be read is published."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.publish import Publisher
from store.redis_server import RedisServer
from tests.published import bodies


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


class Obliging:
    """Has every attribute, as mocks and clients of remote services do."""

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
        (Obliging(), "at your service"),
        (Broken(), "<Broken: RuntimeError>"),
        (Broken, f"{Broken}"),
        ({1: {(2, 3): b"x"}}, {"1": {"(2, 3)": "eA=="}}),
    ],
)
def test_any_value_can_be_published(value: object, published: object, run: Publisher, redis_server: RedisServer) -> None:
    run.emit("thought", {"value": value})
    assert run.flush(20)
    assert bodies(redis_server)[0]["payload"] == {"value": published}


def test_texts_are_taken_from_anything(run: Publisher, redis_server: RedisServer) -> None:
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


def test_what_can_not_be_published_is_counted_and_told(run: Publisher, redis_server: RedisServer) -> None:
    circle: dict[str, object] = {}
    circle["circle"] = circle
    run.emit("thought", circle)
    run.emit("thought", {"number": 1})
    assert run.flush(20)
    assert run.dropped == 1
    told, after = bodies(redis_server)
    assert (told["event_type"], told["run_id"]) == ("events_dropped", run.run_id)
    assert told["payload"] == {"count": 1, "reasons": {"thought is not serialisable (RecursionError)": 1}}
    assert after["payload"] == {"number": 1}
