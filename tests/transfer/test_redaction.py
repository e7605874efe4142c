"""Redaction: which parts of an event are redacted, and which stay."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.model.decode import decode
from store.model.entry import StreamId
from store.transfer.redaction import Redactor
from tests.recorder import Recorder, body_of
from tests.transfer.planted import IN_PART, NAMED, SECRETS, UUID, nested

CONTEXTS = {
    "in a sentence": "Publish it with {} and go on.",
    "alone": "{}",
    "in quotes": 'Use "{}".',
    "after a line break": "Use this:\n{}\nThen stop.",
}


NAMED_CONTEXTS = {
    "an assignment": "{name}={secret}",
    "in the environment": "export SERVICE_{upper}='{secret}'",
    "a colon": "{name}: {secret}",
    "code": '{name} = "{secret}"',
    "an option": "tool --{name} {secret} --verbose",
    "JSON": '{{"{name}": "{secret}", "n": 1}}',
    "a repr": "{{'{name}': '{secret}', 'n': None}}",
    "a repr cut off": "{{'query': None, '{name}': '{secret}",
    "a sentence": "The {name} is {secret}, keep it.",
    "an item": 'headers["{name}"] = "{secret}"',
    "in a query": "https://host/path?{name}={secret}&n=1",
}


def redacted(goal: str, **payload: object) -> str:
    """The goal of an event after redaction. The event must stay valid."""
    event = {"event_id": "1", "event_type": "node_created", "payload": {"node_id": UUID, "task_goal": goal, **payload}}
    body = Redactor().body(body_of(event))
    decode(body, StreamId(1, 0))
    found: str = json.loads(body)["payload"]["task_goal"]
    return found


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_recognised_by_its_form(kind: str, context: str) -> None:
    text = redacted(CONTEXTS[context].format(SECRETS[kind]))
    assert f"[redacted:{kind}#1]" in text
    assert SECRETS[kind] not in text
    before, after = CONTEXTS[context].split("{}")
    assert (text[: len(before)], text[len(text) - len(after) :]) == (before, after)


@pytest.mark.parametrize("context", NAMED_CONTEXTS)
@pytest.mark.parametrize("kind", NAMED)
def test_a_secret_is_recognised_by_the_preceding_word(kind: str, context: str) -> None:
    name = kind.replace("-", "_")
    text = redacted(NAMED_CONTEXTS[context].format(name=name, upper=name.upper(), secret=NAMED[kind]))
    assert NAMED[kind] not in text
    assert f"[redacted:{kind}#1]" in text


@pytest.mark.parametrize("elsewhere", [r"caf\u00e9", r"a\/b", r"\\x41"])
@pytest.mark.parametrize("context", NAMED_CONTEXTS)
@pytest.mark.parametrize("kind", NAMED)
def test_a_named_secret_is_redacted_in_a_body_with_other_escapes(kind: str, context: str, elsewhere: str) -> None:
    name = kind.replace("-", "_")
    text = NAMED_CONTEXTS[context].format(name=name, upper=name.upper(), secret=NAMED[kind])
    for payload in (f'"goal": {json.dumps(text)}', f'"{name}": {json.dumps(NAMED[kind])}'):
        out = Redactor().body(f'{{"other": "{elsewhere}", {payload}}}'.encode()).decode()
        assert NAMED[kind] not in out
        assert f"[redacted:{kind}#1]" in out
        assert f'"other": "{elsewhere}"' in out


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_nested_json_is_redacted(kind: str, depth: int) -> None:
    goal = nested(f"use {SECRETS[kind]} now", depth)
    text = redacted(goal)
    assert json.dumps(SECRETS[kind])[1:-1] not in text
    for _ in range(depth):
        text = json.loads(text)["inner"]
    assert text == f"use {IN_PART.get(kind, '')}[redacted:{kind}#1] now"


@pytest.mark.parametrize("kind", SECRETS)
def test_an_escaped_secret_is_redacted(kind: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRETS[kind])
    slashed = json.dumps(SECRETS[kind]).replace("/", "\\/")[1:-1]
    for inner in (escaped, slashed):
        for body in (
            f'{{"p":"{inner}"}}',
            f'{{"p":"{{\\"q\\": \\"{inner}\\"}}"}}',
            json.dumps({"p": f'{{"q": "{inner}"}}'}),
        ):
            out = Redactor().body(body.encode()).decode()
            assert f"[redacted:{kind}#1]" in out
            assert inner not in out
            json.loads(out)


@pytest.mark.parametrize(
    "payload",
    [
        {"password": "swordfish"},
        {"db": {"db_password": "swordfish"}},
        {"adminPassword": "swordfish"},
        {"DB_PASSWORD": ["swordfish", "other"]},
        {"passwd": 918273645},
        {"client-secret": "a phrase with spaces"},
        {"x-api-key": "short"},
        {"Authorization": "Basic dXNlcjpzd29yZGZpc2g="},
        {"cookie": "sid=1"},
        {"apiKey": UUID},
        {"token": "8d7f-aa91-qq27-zx05"},
    ],
    ids=str,
)
def test_the_value_of_a_key_that_names_a_secret_is_redacted(payload: dict[str, object]) -> None:
    body = Redactor().body(json.dumps({"n": 1, "payload": payload, "goal": "x"}).encode())
    found = json.loads(body)
    assert (found["n"], found["goal"]) == (1, "x")
    text = json.dumps(found)
    assert "redacted" in text
    assert not any(word in text for word in ("swordfish", "phrase", "short", "sid=1", "dXNl", UUID, "8d7f", "918"))


def test_a_secret_in_a_key_is_redacted() -> None:
    body = Redactor().body(json.dumps({SECRETS["github-token"]: {SECRETS["jwt"]: 1}}).encode())
    assert json.loads(body) == {"[redacted:github-token#1]": {"[redacted:jwt#1]": 1}}


def test_passwords_in_urls_and_commands_are_redacted() -> None:
    assert redacted("clone https://bob:hunter2@host/x.git") == "clone https://bob:[redacted:url-password#1]@host/x.git"
    assert redacted("redis://:p@ss@host:6379/0") == "redis://:[redacted:url-password#1]@host:6379/0"
    assert redacted("curl -u bob:hunter2 https://host") == "curl -u bob:[redacted:basic-auth#1] https://host"
    assert redacted("Bearer abc.def-123_ghi") == "Bearer [redacted:bearer-token#1]"


def test_a_secret_has_the_same_replacement_everywhere() -> None:
    redactor = Redactor()
    one, other = SECRETS["github-token"], "ghp_" + "ZZ11yy22XX33ww44VV55uu66TT77ss88RR99"
    first = json.loads(redactor.body(json.dumps({"a": one, "b": other}).encode()))
    second = json.loads(redactor.body(json.dumps({"c": nested(other, 1), "d": f"{one}!"}).encode()))
    assert first == {"a": "[redacted:github-token#1]", "b": "[redacted:github-token#2]"}
    assert second == {"c": '{"inner": "[redacted:github-token#2]"}', "d": "[redacted:github-token#1]!"}
    assert redactor.counts == {"github-token": 4}


@pytest.mark.parametrize(
    "text",
    [
        "The password must be changed.",
        "password: required",
        "password=$PASSWORD",
        "password: ********",
        "set api_key to <your key>",
        "api_key: Optional[str] = None",
        'os.environ["OPENAI_API_KEY"]',
        "def login(password=password, token=token): ...",
        "The secret: people love cats.",
        "max_tokens=4096, total_tokens: 12345678, token_usage",
        "token budget: 5000 tokens; the tokenizer splits words",
        "secretary of the treasury, key figures 2024, keyboard",
        f"node {UUID}, token {UUID}",
        "risk-adjusted-returns-of-portfolios-2024 and disk-based-storage-engines-v2",
        "see https://example.com/a/b?page=2#part, mail bob@example.com",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "basic knowledge of bearer certificates",
        "[redacted:password#1] and password=[redacted:password#1]",
    ],
)
def test_a_text_without_secrets_is_unchanged(text: str) -> None:
    assert redacted(text) == text


def test_a_second_redaction_changes_nothing() -> None:
    body = json.dumps({"password": "hunter2", "goal": f"use {SECRETS['jwt']} password='hunter2'"}).encode()
    once = Redactor().body(body)
    assert Redactor().body(once) == once


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_a_body_without_secrets_is_returned_itself(value: object) -> None:
    body = json.dumps({"event_type": "note", "payload": {"value": value}, "run_id": UUID}).encode("utf-8", "replace")
    redactor = Redactor()
    out = redactor.body(body)
    assert out is body or redactor.counts


@settings(deadline=None)
@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text(), st.booleans())
def test_the_rest_of_a_body_with_a_secret_is_unchanged(before: str, kind: str, after: str, ascii_only: bool) -> None:
    before, after = f"{before} ", f" {after}"
    body = json.dumps({"n": 1.50, "p": f"{before}{SECRETS[kind]}{after}", "m": "\u00e9"}, ensure_ascii=ascii_only)
    out = Redactor().body(body.encode("utf-8", "replace")).decode()
    assert SECRETS[kind] not in out
    assert '"n": 1.5' in out
    msgspec.json.decode(out)


def test_recorded_events_contain_no_secrets() -> None:
    redactor = Redactor()
    for entry in Recorder().whole().entries:
        body = entry.fields[b"json_payload"]
        assert redactor.body(body) is body


HOSTILE = {
    "prefixes": "sk-",
    "half a token": "eyJ",
    "tokens without end": "eyJaaaaaaaa.",
    "keys without end": "-----BEGIN PRIVATE KEY-----",
    "names": "password",
    "assignments": "token=",
    "questions": "token: ",
    "quotes": 'secret:"',
    "addresses": "://a:",
    "ats": "://:a@",
    "one word": "a",
    "digits": "1",
    "backslashes": "\\",
    "escapes": "\\u0041",
    "spaces": "key     ",
    "options": " -u a",
    "lines": "key\n",
    "words": "the secret is that the token of the password ",
}


@pytest.mark.quiet
@pytest.mark.parametrize("name", HOSTILE)
def test_running_time_is_linear_in_the_length_of_the_text(name: str) -> None:
    def seconds(size: int) -> float:
        body = json.dumps({"p": HOSTILE[name] * (size // len(HOSTILE[name]))}).encode()
        best = float("inf")
        for _ in range(2):
            begun = time.process_time()
            Redactor().body(body)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(400_000) < 4 * max(seconds(200_000), 0.02)
