"""An export contains no secrets."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

from store.transfer.exporter import export
from store.transfer.importer import import_source
from store.transfer.redaction import Redactor
from tests.recorder import Recorder
from tests.tables import states, store
from tests.transfer.planted import IN_PART, NAMED, SECRETS, nested


def test_an_export_contains_no_planted_secret(db: Path, tmp_path: Path) -> None:
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
    import_source(there, str(archive))
    old, new = states(db)["A"], states(there)["A"]
    assert list(new.nodes) == list(old.nodes)
    assert [(node.outer, node.status, node.events) for node in new.nodes.values()] == [
        (node.outer, node.status, node.events) for node in old.nodes.values()
    ]


def test_a_secret_in_a_node_id_is_redacted_and_the_tree_is_unchanged(db: Path, tmp_path: Path) -> None:
    bad = SECRETS["github-token"]
    store(db, Recorder(None).root(bad).plan(bad, f"{bad}/1", f"{bad}/2").step(f"{bad}/1", "execute", "FINISH").entries)
    archive, there = tmp_path / "run.jsonl", tmp_path / "there.db"
    with archive.open("wb") as out:
        export(db, f"auto-{bad}", out, Redactor())
    assert bad.encode() not in archive.read_bytes()
    import_source(there, str(archive))
    (state,) = states(there).values()
    root = "[redacted:github-token#1]"
    assert state.run.run_id == f"auto-{root}"
    assert {node.node_id: node.outer for node in state.nodes.values()} == {
        root: None, f"{root}/1": root, f"{root}/2": root
    }  # fmt: skip


def test_the_command_prints_what_it_redacted_and_redacts_nothing_on_request(db: Path) -> None:
    store(db, Recorder("A").root(goal=f"With {SECRETS['jwt']} and password=hunter2").entries)
    command = [sys.executable, "-m", "tui.cli", "export", "A", "--db", str(db)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "redacted jwt (1), password (1)" in done.stderr
    assert "hunter2" not in done.stdout
    done = subprocess.run([*command, "--no-redact"], capture_output=True, text=True, check=True)
    assert "redacted nothing" in done.stderr
    assert SECRETS["jwt"] in done.stdout
