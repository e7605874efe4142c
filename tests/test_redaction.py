"""What is taken out of a run before it is given away, and what stays."""

import io
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.archive import export
from store.events import StreamId, decode
from store.intake import take_in
from store.redaction import Redactor
from tests.recorder import Recorder, body_of
from tests.tables import states, store

SECRETS = {
    "anthropic-key": "sk-ant-" + "api03-" + "Zk3_v9Qm" * 11 + "AA",
    "openai-key": "sk-" + "proj-" + "aB3dE5fG7hJ9kL1mN3pQ5rS7",
    "llm-key": "gsk_" + "x7Yp2Qw9Er4Ty6Ui8Op1As3D",
    "huggingface-token": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "google-key": "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "aws-key": "AKIA" + "Z7VRSQ5TJN2XMPLQ",
    "azure-key": "AccountKey=" + "9f/8+GkQ2mN4bV6cX8zL0kJ2hG4fD6sA==",
    "github-token": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "gitlab-token": "glpat-" + "Vh3_xq9ZpLm4Rt7WkY2s",
    "slack-token": "xoxb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
    "webhook": "https://hooks.slack.com/services/" + "T01234567/B01234567/XXyyZZ11aaBBccDD22eeFF33",
    "stripe-key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "npm-token": "npm_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + "CJDEyMzQ1Njc4LTEyMzQtMTIzNC0xMjM0",
    "sendgrid-key": "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "twilio-key": "SK" + "0123456789abcdef0123456789abcdef",
    "telegram-token": "110201543:A" + "AHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "vault-token": "hvs." + "CAESIJ1n8Zk3v9QmR2tY6uI8oP1aS3dF",
    "service-token": "lin_api_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5cD7e",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx4UbaD/5m+2Z\nQ0aW==\n-----END RSA PRIVATE KEY-----",
}
"""Of each kind that is known by itself, one that nobody has."""

IN_PART = {"azure-key": "AccountKey=", "webhook": "https://hooks.slack.com/services/"}
"""What of them is no secret, and stays."""

NAMED = {
    "password": "corr3ct-h0rse",
    "api-key": "0f9e8d7c6b5a49382716",
    "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzzqqkk",
    "token": "8d7f-aa91-qq27-zx05-plmk",
}
"""Of each kind that is known by the word before it, one."""

UUID = "123e4567-e89b-42d3-a456-426614174000"

WAYS = {
    "in a sentence": "Publish it with {} and go on.",
    "alone": "{}",
    "in quotes": 'Use "{}".',
    "after a line break": "Use this:\n{}\nThen stop.",
}
WAYS_TO_NAME = {
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
    """An event's goal after redaction, which must leave an event."""
    event = {"event_id": "1", "event_type": "node_created", "payload": {"node_id": UUID, "task_goal": goal, **payload}}
    body = Redactor().body(body_of(event))
    decode(body, StreamId(1, 0))
    found: str = json.loads(body)["payload"]["task_goal"]
    return found


def nested(text: str, depth: int) -> str:
    """JSON in JSON in JSON."""
    for _ in range(depth):
        text = json.dumps({"inner": text})
    return text


# What goes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_that_is_known_by_itself_goes(kind: str, way: str) -> None:
    text = redacted(WAYS[way].format(SECRETS[kind]))
    assert f"[redacted:{kind}#1]" in text
    assert SECRETS[kind] not in text
    before, after = WAYS[way].split("{}")
    assert (text[: len(before)], text[len(text) - len(after) :]) == (before, after)


@pytest.mark.parametrize("way", WAYS_TO_NAME)
@pytest.mark.parametrize("kind", NAMED)
def test_a_secret_that_is_known_by_its_name_goes(kind: str, way: str) -> None:
    name = kind.replace("-", "_")
    text = redacted(WAYS_TO_NAME[way].format(name=name, upper=name.upper(), secret=NAMED[kind]))
    assert NAMED[kind] not in text
    assert f"[redacted:{kind}#1]" in text


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_goes_however_deep_it_is_quoted(kind: str, depth: int) -> None:
    goal = nested(f"use {SECRETS[kind]} now", depth)
    text = redacted(goal)
    assert json.dumps(SECRETS[kind])[1:-1] not in text
    for _ in range(depth):
        text = json.loads(text)["inner"]
    assert text == f"use {IN_PART.get(kind, '')}[redacted:{kind}#1] now"


@pytest.mark.parametrize("kind", SECRETS)
def test_escapes_do_not_hide_a_secret(kind: str) -> None:
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
def test_the_value_of_a_telling_key_goes_whole(payload: dict[str, object]) -> None:
    body = Redactor().body(json.dumps({"n": 1, "payload": payload, "goal": "x"}).encode())
    found = json.loads(body)
    assert (found["n"], found["goal"]) == (1, "x")
    text = json.dumps(found)
    assert "redacted" in text
    assert not any(word in text for word in ("swordfish", "phrase", "short", "sid=1", "dXNl", UUID, "8d7f", "918"))


def test_keys_are_looked_at_too() -> None:
    body = Redactor().body(json.dumps({SECRETS["github-token"]: {SECRETS["jwt"]: 1}}).encode())
    assert json.loads(body) == {"[redacted:github-token#1]": {"[redacted:jwt#1]": 1}}


def test_passwords_in_addresses_and_commands_go() -> None:
    assert redacted("clone https://bob:hunter2@host/x.git") == "clone https://bob:[redacted:url-password#1]@host/x.git"
    assert redacted("redis://:p@ss@host:6379/0") == "redis://:[redacted:url-password#1]@host:6379/0"
    assert redacted("curl -u bob:hunter2 https://host") == "curl -u bob:[redacted:basic-auth#1] https://host"
    assert redacted("Bearer abc.def-123_ghi") == "Bearer [redacted:bearer-token#1]"


def test_the_same_secret_has_the_same_words_everywhere() -> None:
    redactor = Redactor()
    one, other = SECRETS["github-token"], "ghp_" + "ZZ11yy22XX33ww44VV55uu66TT77ss88RR99"
    first = json.loads(redactor.body(json.dumps({"a": one, "b": other}).encode()))
    second = json.loads(redactor.body(json.dumps({"c": nested(other, 1), "d": f"{one}!"}).encode()))
    assert first == {"a": "[redacted:github-token#1]", "b": "[redacted:github-token#2]"}
    assert second == {"c": '{"inner": "[redacted:github-token#2]"}', "d": "[redacted:github-token#1]!"}
    assert redactor.counts == {"github-token": 4}


# What stays


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
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_was_redacted_once_stays_as_it_is() -> None:
    body = json.dumps({"password": "hunter2", "goal": f"use {SECRETS['jwt']} password='hunter2'"}).encode()
    once = Redactor().body(body)
    assert Redactor().body(once) == once


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_a_body_without_secrets_is_the_very_same(value: object) -> None:
    body = json.dumps({"event_type": "note", "payload": {"value": value}, "run_id": UUID}).encode("utf-8", "replace")
    redactor = Redactor()
    out = redactor.body(body)
    assert out is body or redactor.counts


@settings(deadline=None)
@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text(), st.booleans())
def test_around_a_secret_everything_stays(before: str, kind: str, after: str, ascii_only: bool) -> None:
    before, after = f"{before} ", f" {after}"
    body = json.dumps({"n": 1.50, "p": f"{before}{SECRETS[kind]}{after}", "m": "\u00e9"}, ensure_ascii=ascii_only)
    out = Redactor().body(body.encode("utf-8", "replace")).decode()
    assert SECRETS[kind] not in out
    assert '"n": 1.5' in out
    msgspec.json.decode(out)


def test_simulated_and_recorded_events_hold_no_secrets() -> None:
    redactor = Redactor()
    for entry in Recorder().whole().entries:
        body = entry.fields[b"json_payload"]
        assert redactor.body(body) is body


# The whole way


def test_nothing_of_a_planted_secret_is_left_in_the_file(db: Path, tmp_path: Path) -> None:
    rng = random.Random(7)
    everything = [*SECRETS.values(), *(f"{kind.replace('-', '_')}={value}" for kind, value in NAMED.items())]
    rng.shuffle(everything)
    recorder = Recorder("A").run_started().root(goal=" ".join(everything))
    for number, secret in enumerate(everything):
        node = f"node-{number}"
        recorder.node("root", node, goal=f"Fetch with {secret}").step_started(node, goal=f"Now with {secret}")
        prompt = [{"role": "user", "content": f"Use {secret}"}]
        recorder.emit("llm_call_started", {"node_id": node, "prompt": prompt, "prompt_preview": f"Use {secret}..."})
        recorder.emit("llm_call_completed", {"node_id": node, "response": nested(secret, 2), "error": f"401: {secret}"})
        recorder.emit("tool_invoked", {"node_id": node, "args_summary": f"{ {'query': secret}!r}..."})
        recorder.emit("tool_returned", {"node_id": node, "result_summary": json.dumps({"html": secret})[:400]})
        recorder.emit("plan_received", {"node_id": node, "raw_plan": [{"id": 1, "goal": secret, secret: None}]})
        recorder.step_finished(node, "execute", after="FINISH")
    trace = "\n".join(f'  File "x.py", line {n}\n    call({secret!r})' for n, secret in enumerate(everything))
    recorder.emit("run_error", {"error_type": "E", "error_message": everything[0], "stack_trace": trace})
    store(db, recorder.entries)
    out = io.BytesIO()
    footer = export(db, "A", out, Redactor())
    text = out.getvalue().decode()
    for kind, secret in {**SECRETS, **NAMED}.items():
        plain = secret.removeprefix(IN_PART.get(kind, ""))
        for form in (plain, json.dumps(plain)[1:-1], repr(plain)[1:-1], json.dumps(json.dumps(plain)[1:-1])[1:-1]):
            assert form not in text, kind
    assert set(footer.redacted) >= {*SECRETS, *NAMED}
    archive = tmp_path / "run.jsonl"
    archive.write_bytes(out.getvalue())
    there = tmp_path / "there.db"
    take_in(there, str(archive))
    old, new = states(db)["A"], states(there)["A"]
    assert list(new.nodes) == list(old.nodes)
    assert [(node.outer, node.status, node.events) for node in new.nodes.values()] == [
        (node.outer, node.status, node.events) for node in old.nodes.values()
    ]


def test_a_secret_in_the_id_of_a_node_goes_and_the_tree_stays(db: Path, tmp_path: Path) -> None:
    bad = SECRETS["github-token"]
    store(db, Recorder(None).root(bad).plan(bad, f"{bad}/1", f"{bad}/2").step(f"{bad}/1", "execute", "FINISH").entries)
    archive, there = tmp_path / "run.jsonl", tmp_path / "there.db"
    with archive.open("wb") as out:
        export(db, f"auto-{bad}", out, Redactor())
    assert bad.encode() not in archive.read_bytes()
    take_in(there, str(archive))
    (state,) = states(there).values()
    root = "[redacted:github-token#1]"
    assert state.run.run_id == f"auto-{root}"
    assert {node.node_id: node.outer for node in state.nodes.values()} == {
        root: None, f"{root}/1": root, f"{root}/2": root
    }  # fmt: skip


def test_the_command_says_what_it_redacted_and_leaves_all_when_asked(db: Path) -> None:
    store(db, Recorder("A").root(goal=f"With {SECRETS['jwt']} and password=hunter2").entries)
    command = [sys.executable, "-m", "tui.cli", "export", "A", "--db", str(db)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "redacted jwt (1), password (1)" in done.stderr
    assert "hunter2" not in done.stdout
    done = subprocess.run([*command, "--no-redact"], capture_output=True, text=True, check=True)
    assert "redacted nothing" in done.stderr
    assert SECRETS["jwt"] in done.stdout


# Time

HOSTILE = {
    "prefixes": "sk-",
    "half tokens": "eyJ",
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


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_length_of_the_text_and_not_faster(name: str) -> None:
    def seconds(size: int) -> float:
        body = json.dumps({"p": HOSTILE[name] * (size // len(HOSTILE[name]))}).encode()
        best = float("inf")
        for _ in range(2):
            begun = time.process_time()
            Redactor().body(body)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(400_000) < 4 * max(seconds(200_000), 0.02)
