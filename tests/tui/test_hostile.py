"""Texts of models, tools and web pages are displayed as plain text, whatever they contain."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.filter import LineFilter

from store.database.lease import Lease
from store.database.writer import Writer
from store.errors import StoreError
from store.model.entry import Entry, Gap, StreamId
from tests.recorder import Recorder, entry_of
from tests.tui.stage import STREAM, URL, Clock, Hands, faults, sees, shown, until, watching
from tui.app import Treetop
from tui.control_filter import ControlFilter
from tui.screens.confirm import Confirm
from tui.screens.run import RunScreen
from tui.screens.runs import RunsScreen
from tui.widgets.node_tree import NodeTree
from tui.widgets.run_list import RunList
from tui.widgets.text_pane import TextPane
from tui.widgets.timeline import Timeline

EVIL = {
    "controls": "\x1b]2;owned\x1b\\ \x1b[2J\x1b[31m \x1b]52;c;b3duZWQ=\x07 \x9b2J \x90 \x00 \x08 \x7f \x85 \x0b"
    " one\ntwo\r\nthree\tfour\rfive \u202eesrever \u2066iso\u2069 \u200f \u061c \u2028 \u2029",
    "markup": "[@click=app.quit]quit[/] [@click='app.bell']bell[/] [red]red[/red] [$error]x[/]",
    "broken markup": "[/] [/bold] [link=http://example.org]here [ [[ ]] \\[ [] [b",
    "wide": "東京都" * 20
    + "🚀👩\u200d👧" * 5
    + "e\u0301" * 20
    + "❤\ufe0f👍🏽1\ufe0f\u20e3\u200b\ufeff\xad\u3164\U000e0041",
    "long": "x" * 100_000 + " " + "東" * 30_000 + "\x1b[2J" * 1_000,
}

KEPT = ("timestamp", "event_type", "timestamp_utc")
"""Texts that decide the type of an event, and stay unchanged."""


def hostile(evil: str) -> list[Entry]:
    """A run with an event of every type, in which every text of an agent is `text`."""
    made = Recorder(run_id="r").run_started().root("root").step_started("root")
    task = {"id": "1", "task_type": "write", "goal": "g", "dependency": ["1", "2"], "length": "l"}
    made.emit("plan_received", {"node_id": "root", "raw_plan": [task | {"sub_tasks": [task, "t"]}, {"goal": ["g"]}]})
    made.plan("root", "a", "b").status("a", "READY").result("root", "plan").step_finished("root", "plan", "PLAN_DONE")
    made.step_started("a").tool_invoked("a", "t1").tool_returned("a", "t1", "HTTP_ERROR")
    made.emit("tool_returned", {"node_id": "a", "tool_name": "t", "api_name": "p", "state": "s", "error": "e"})
    prompt = [{"role": "r", "content": "c"}, {"role": "r", "content": [{"text": "t"}]}, "p"]
    made.emit("llm_call_started", {"node_id": "a", "agent_class": "x", "model": "m", "prompt": prompt, "call_id": "c"})
    made.llm("b", error="e").llm("a", tokens=(1, 2)).result("a", "execute", "s")
    dump = {f"mood{evil}": "m", f"parts{evil}": [{"left": "l"}, "r"], "text": "t"}
    made.emit(f"brain_dumped{evil}", {"node_id": "a", **dump})
    made.node("a", "deep", layer=2).edge("root", "b", "ghost").step_finished("a", "execute", "s").step_started("b")
    made.llm_started("b")
    return [rewritten(entry.fields[b"json_payload"], evil, at) for at, entry in enumerate(made.entries, 1)]


def rewritten(body: bytes, evil: str, at: int) -> Entry:
    """The same event with hostile texts. Ids stay different from each other."""

    def worse(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key if key in known else f"{key}{evil}": worse(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [worse(inner, name) for inner in value]
        if not isinstance(value, str) or name in KEPT:
            return value
        return f"{evil}{value}" if name == "node_nid" or name.endswith("goal") else f"{value}{evil}"

    event = json.loads(body)
    known = {*event, *event["payload"], "id", "goal", "task_type", "dependency", "sub_tasks", "role", "content", "length"}
    return entry_of(json.dumps(worse(event, "")).encode(), StreamId(1_745_341_200_000 + at, 0))


class WithoutFilter(Treetop):
    """The application without the filter for control characters."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [line_filter for line_filter in super().get_line_filters() if not isinstance(line_filter, ControlFilter)]


@pytest.fixture(params=EVIL, ids=lambda name: name.replace(" ", "-"))
def evil(request: pytest.FixtureRequest) -> str:
    return EVIL[request.param]


@pytest.fixture
def file(here: Path, evil: str) -> Path:
    """A file in which all texts of agents are hostile: a run, a rejected entry and a gap."""
    with Writer(Path("treetop.db")) as writer:
        key = writer.stream(STREAM)
        before = writer.cursor(key)
        bad = [entry_of(f'{{"event_type": "x{evil}'.encode(), 7), entry_of(b'"' + evil.encode(), 8)]
        bad.append(Entry(StreamId(9, 0), {evil.encode(): b""}))
        entries = [*hostile(evil), *bad]
        counts = writer.append(entries, key, before, before)
        assert (counts.stored, counts.rejected) == (len(entries) - len(bad), len(bad))
        writer.append([], key, before, before, Gap("trimmed", 3, StreamId(1, 0), None, "gone"))
        writer.report(key, "away", f"redis://{evil}", None, 0.0)
    return Path("treetop.db")


def app_on(path: Path, name: str = STREAM) -> Treetop:
    clock = Clock(1_745_341_230.0)
    app = WithoutFilter(path, URL, name, ingest=False, clock=clock)
    app.animation_level = "none"
    return app


async def harmless(pilot: Hands) -> None:
    """The screen shows only text, and all of it in its place."""
    await pilot.settle()
    assert faults(pilot.app) == []


def walks() -> Iterator[tuple[str, ...]]:
    """Keys that lead to every view of a run."""
    yield from ((), ("G",), ("g", "minus"), ("equals_sign",), ("j", "C"), ("question_mark",), ("q", "u", "P"))
    yield ("e",)
    yield ("a",)
    yield ("b", "b", "3", "g")


async def test_every_screen_shows_only_text(file: Path, evil: str) -> None:
    app, size = app_on(file), (80, 24) if "\x1b" in evil else (120, 30)
    with Lease(file):
        async with watching(app, *size) as pilot:
            await until(pilot, lambda: app.screen.query_one(RunList).count)
            await harmless(pilot)
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await harmless(pilot)
            await pilot.press("n", "exclamation_mark")
            await until(pilot, lambda: "Rejected" in shown(app))
            await harmless(pilot)
            for _ in range(3):
                await pilot.press("j")
                await harmless(pilot)
            await pilot.press("q", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.query_one(NodeTree).count)
            for keys in walks():
                await pilot.press(*keys)
                await harmless(pilot)


TALL_TERMINAL = 140, 60
"""Width and height of a terminal that shows the whole inspector of an ordinary subject."""


async def test_the_inspector_shows_every_event_as_text(file: Path) -> None:
    app = app_on(file)
    async with watching(app, *TALL_TERMINAL) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.query_one(NodeTree).count)
        await pilot.press("b", "b")
        await sees(pilot, "Timeline of the run")
        await pilot.press("3", "g")
        timeline = app.screen.query_one(Timeline)
        await until(pilot, lambda: timeline.count > 20)
        for raw in (False, True):
            await pilot.press(*(["v"] if raw else []), "g")
            for number in range(4 if raw else timeline.count):
                await until(pilot, lambda: timeline.selected is not None)
                assert timeline.selected is not None
                await inspected(pilot, (timeline.selected.seq, raw))
                assert faults(app) == [], f"event {number}"
                await pilot.press("j")


async def test_the_inspector_shows_every_task_as_text(file: Path) -> None:
    app = app_on(file)
    async with watching(app, *TALL_TERMINAL) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.query_one(NodeTree).count)
        await app.screen.until_ready()  # type: ignore[attr-defined]  # of RunScreen
        await pilot.press("O", "g")
        tree = app.screen.query_one(NodeTree)
        for _ in range(tree.count):
            await inspected(pilot, tree.selected)
            await harmless(pilot)
            await pilot.press("j")


async def inspected(pilot: Hands, subject: object) -> None:
    """Wait until the inspector shows everything about its subject."""
    app, inspector = pilot.app, pilot.app.screen.query_one(TextPane)

    def done() -> bool:
        busy = any(worker.group == "inspect" and not worker.is_finished for worker in app.workers)
        return inspector.shown.subject == subject and not busy

    await until(pilot, done)


async def test_notifications_and_dialogs_show_only_text(file: Path, evil: str) -> None:
    app = app_on(file)
    async with watching(app, *TALL_TERMINAL) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.query_one(NodeTree).count)
        with Writer(file) as writer:
            failed = Recorder(run_id="r").run_error("T", "m").entries[0]
            event = json.loads(failed.fields[b"json_payload"]) | {"event_id": "last"}
            writer.append([rewritten(json.dumps(event).encode(), evil, 900)])
        await until(pilot, lambda: "The run failed" in shown(app))
        await harmless(pilot)
        await pilot.press("1")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and "failed  began" in shown(app))
        await harmless(pilot)
        await pilot.press("d", "y")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and "Deleted" in shown(app))
        await harmless(pilot)


async def test_an_error_message_shows_only_text(file: Path, evil: str) -> None:
    """Error messages can quote texts of agents."""
    app = app_on(file, name=f"stream{evil}")
    async with watching(app, 120, 40) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        app._feed._set_trouble(f"disk full{evil}")
        await app._open_named(_Refusing(evil), evil[:1_000])  # type: ignore[arg-type]
        await until(pilot, lambda: "there is no run" in shown(app))
        await harmless(pilot)


class _Refusing:
    """A reader without runs. Its error quotes the requested name."""

    def __init__(self, evil: str) -> None:
        self._evil = evil

    async def resolve(self, name: str) -> str:
        raise StoreError(f"there is no run {name}{self._evil}")


async def test_typed_text_is_shown_as_text(file: Path, evil: str) -> None:
    app = app_on(file)
    async with watching(app, 120, 40) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        app.screen.query_one(RunList).narrow(f"nothing{evil[:1_000]}")
        await harmless(pilot)


async def test_the_filter_deletes_controls_that_were_not_cleaned(here: Path) -> None:
    """The filter takes effect where a text was not cleaned before it was drawn."""
    with Writer(Path("treetop.db")) as writer:
        writer.append(hostile(EVIL["controls"]))
    app = Treetop(Path("treetop.db"), URL, [STREAM], ingest=False, clock=Clock(1_745_341_230.0))
    async with watching(app, 120, 40) as pilot:
        await until(pilot, lambda: app.screen.query_one(RunList).count)
        app.notify("\x1b]2;owned\x07 \u202e", title="\x1b[2J", markup=False)
        await until(pilot, lambda: "owned" in shown(app))
        await harmless(pilot)
