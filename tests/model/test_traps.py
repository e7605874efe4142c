"""Unexpected properties of published events. Each test covers one, numbered as in the reference of the events."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from store.database.arrival import FIELD
from store.database.writer import Writer
from store.model.entry import START
from store.model.facts import checksum
from store.model.pairing import ORPHAN_ID_CHARS_MAX, ORPHANS_MAX
from store.model.record import Stored
from store.model.span import Outcome, Span
from store.model.state import EdgeKey, RunStatus, Totals
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import query, rows, states, store
from tui.models.event_detail import event_lines
from tui.theme import Glyphs


def stored(recorder: Recorder) -> Stored:
    """The last event, as a reader returns it."""
    return Stored(1, 1, recorder.events[-1], recorder.events[-1].facts.failed, None, None)


def inspected(recorder: Recorder) -> str:
    """The inspector's text on the last event."""
    lines = event_lines(stored(recorder), recorder.entries[-1].fields[FIELD], None, 0.0, Glyphs(False))
    return "\n".join("".join(cell.text for cell in line.cells) for line in lines)


def test_trap_01_events_without_a_run_id_are_grouped_by_the_nodes_that_they_name(db: Path) -> None:
    """Two old agents publish to one stream without run ids: there are two runs, and no event is lost."""
    first = Recorder(None, name="one").root("a").step_started("a")
    second = Recorder(None, beside=first, name="two").root("b")
    first.plan("a", "a1", "a2")
    second.step("b", "plan", after="DOING").plan("b", "b1")
    first.llm("a1").step_finished("a", "plan", after="PLAN_DONE")
    assert store(db, first.entries).stored == len(first.entries)
    found = states(db)
    assert {run_id: set(state.nodes) for run_id, state in found.items()} == {
        "auto-a": {"a", "a1", "a2"},
        "auto-b": {"b", "b1"},
    }
    assert found["auto-a"].nodes["a"].status == "PLAN_DONE"


def test_trap_01_a_step_without_a_run_id_belongs_to_the_run_of_its_node(db: Path) -> None:
    """Some versions of agents with run ids omit them from two event types."""
    recorder = Recorder("A").run_started().nameless().root("a").step_started("a")
    recorder.run_id = "A"
    other = Recorder("B", beside=recorder).run_started().root("b")
    recorder.step_finished("a", "plan", after="DOING").nameless().step_started("a")
    store(db, other.entries)
    assert {run_id: state.position for run_id, state in states(db).items()} == {"A": 5, "B": 2}


def test_trap_01_an_inferred_run_id_does_not_change_the_stored_body(db: Path) -> None:
    recorder = Recorder(None).root("a")
    store(db, recorder.entries)
    assert rows(db, "body")["body"][0][2] == recorder.entries[0].fields[b"json_payload"]
    assert query(db, "SELECT run_id, declared FROM runs") == [("auto-a", 0)]


def test_trap_02_a_run_may_have_several_roots_whose_steps_count_from_0() -> None:
    """Each input item has a root of its own."""
    recorder = Recorder().run_started().root("a").step("a", "execute", after="FINISH").root("b", "Another")
    run = recorder.step("b", "execute", after="FINISH").state.run
    assert (run.root, run.roots, run.steps, run.aborted, run.goal) == ("a", 2, 2, 0, "Write a book")


def test_trap_03_planner_names_are_not_unique() -> None:
    """Every task without sub-tasks is named "0", and the name of every root is empty."""
    nodes = Recorder().root().node("root", "a", nid="1").node("a", "a0", nid="0").node("root", "b").node("b", "b0", nid="0")
    assert {node_id: node.nid for node_id, node in nodes.state.nodes.items()} == {
        "root": "", "a": "1", "a0": "0", "b": "b", "b0": "0",
    }  # fmt: skip


def test_trap_04_an_event_is_listed_for_every_node_that_it_names(db: Path) -> None:
    """The `node_id` of an edge_added is the owner of the graph. The event concerns three nodes."""
    store(db, Recorder().edge("owner", "first", "second").entries)
    assert [row[1] for row in rows(db, "node_event")["node_event"]] == ["first", "owner", "second"]


def test_trap_05_a_root_has_an_unknown_root_id_and_is_ready_without_a_status_event() -> None:
    """The root_node_id of a root is the text UNKNOWN."""
    root = Recorder().root().state.nodes["root"]
    assert (root.root, root.outer, root.status, root.layer) == ("root", None, "READY", 0)
    assert "UNKNOWN" not in Recorder().root().node("root", "a").state.nodes


@pytest.mark.parametrize(
    ("layer", "outer", "is_root"),
    [
        (0, None, True),
        (0, "x", True),
        (None, None, True),
        (-1, None, True),
        (-1, "", True),
        (None, "x", False),
        (1, None, False),
    ],
)
def test_trap_05_a_node_without_layer_and_parent_is_a_root(layer: int | None, outer: str | None, is_root: bool) -> None:
    created: dict[str, object] = {"node_id": "n", "layer": layer, "outer_node_id": outer, "task_goal": "Write"}
    state = Recorder().emit("node_created", created).state
    assert (state.run.root, state.run.roots) == (("n", 1) if is_root else (None, 0))
    assert state.run.goal == ("Write" if is_root else None)
    assert state.nodes["n"].status == ("READY" if is_root else "NOT_READY")


def test_a_node_that_its_owner_names_has_a_parent_before_its_node_created() -> None:
    """The node_created may come later, or be lost."""
    recorder = Recorder().root().added("root", "a")
    node = recorder.state.nodes["a"]
    assert (node.outer, node.nid, node.placeholder) == ("root", "a", True)
    assert recorder.state.nodes["root"].children == 1
    after = recorder.node("root", "a", "Look up oaks").state.nodes["a"]
    assert (after.outer, after.goal, after.placeholder) == ("root", "Look up oaks", False)


def test_a_node_has_the_root_in_its_node_created() -> None:
    state = Recorder().root("book").node("book", "a").node("a", "b").state
    assert {node_id: node.root for node_id, node in state.nodes.items()} == {"book": "book", "a": "book", "b": "book"}


def test_trap_06_fields_of_another_node_are_not_used() -> None:
    """Payloads repeat goal and status of the working node, which may differ from the subject."""
    recorder = Recorder().root().node("root", "a", "Search").added("root", "a").status("a", "READY", goal="Search")
    node = recorder.state.nodes["a"]
    assert (node.current_goal, node.status, recorder.state.nodes["root"].status) == ("Search", "READY", "READY")


def test_trap_07_step_finished_sets_the_status() -> None:
    """Three of ten changes have a node_status_changed; a change to FINISH has none."""
    recorder = Recorder().root().step("root", "plan", after="PLAN_DONE")
    assert recorder.state.nodes["root"].status == "PLAN_DONE"
    assert recorder.step("root", "execute", after="FINISH").state.run.finished == 1


def test_trap_08_the_first_status_of_a_node_is_not_ready() -> None:
    """node_created contains no status. It does not replace a known one."""
    recorder = Recorder().root().node("root", "a").status("b", "READY").node("root", "b")
    assert [recorder.state.nodes[node_id].status for node_id in "ab"] == ["NOT_READY", "READY"]


def test_trap_09_planning_may_change_a_goal() -> None:
    """Both the first and the latest goal are kept."""
    node = Recorder().root().node("root", "a", "Search it").step_started("a", "Search it in 2025").state.nodes["a"]
    assert (node.goal, node.latest_goal, node.current_goal) == ("Search it", "Search it in 2025", "Search it in 2025")


@pytest.mark.parametrize("next_event", ["step_started", "node_created", "run_started", "run_finished", "run_error"])
def test_trap_10_a_step_without_end_is_aborted_by_the_next_step_root_or_end(next_event: str) -> None:
    """An exception in an action publishes no event. The abort also drops the open calls."""
    recorder = Recorder().root().step_started("root").llm_started("root")
    assert recorder.state.nodes["root"].working
    state = recorder.emit(next_event, {"node_id": "another", "layer": 0}).state
    node = state.nodes["root"]
    assert (state.run.aborted, node.aborted, node.calls, node.working) == (1, 1, (), False)
    started, called = (event.time for event in recorder.events[1:3])
    assert node.step == Span(2, "step", "root", number=0, began=2, started=started, aborted=4, latest=called)
    assert node.busy == called - started, "up to the last event before the abort"


def test_trap_10_a_late_end_of_a_step_cancels_its_abort() -> None:
    """The step is closed, and counts once."""
    recorder = Recorder().root().node("root", "a").step_started("root", step=0).step_started("a", step=1)
    state = recorder.step_finished("root", "plan", after="DOING", step=0).state
    assert (state.run.steps, state.run.aborted, state.run.working) == (2, 0, ("a",))
    step = state.nodes["root"].step
    assert step is not None
    assert (step.outcome, step.born, step.aborted, step.ended, step.label) == (Outcome.OK, 3, 4, 5, "plan")
    assert state.nodes["root"].busy == 0.5, "the reported duration only"


def test_trap_11_the_totals_of_run_finished_are_kept_apart_from_the_counters() -> None:
    """The totals may all be 0."""
    run = Recorder().run_started().root().step_started("root").run_finished(total_steps=0, total_nodes=0).state.run
    assert (run.status, run.totals) == (RunStatus.COMPLETED, Totals(steps=0, nodes=0))
    assert (run.steps, run.nodes, run.finished) == (1, 1, 0)


def test_trap_12_a_killed_run_stays_running() -> None:
    """Its age follows from the time of its latest event."""
    recorder = Recorder().run_started().root().step_started("root")
    run = recorder.state.run
    assert (run.status, run.ended, run.latest) == (RunStatus.RUNNING, None, recorder.events[-1].time)


def test_trap_13_a_run_may_begin_twice_and_continue_after_its_end() -> None:
    """Counters are not reset."""
    recorder = Recorder().run_started().root().step("root", "plan", after="DOING").run_finished().run_started()
    assert (recorder.state.run.status, recorder.state.run.steps, recorder.state.run.ended) == (RunStatus.RUNNING, 1, None)
    run = recorder.run_error().llm("root").state.run
    assert (run.status, run.events, run.llm_calls) == (RunStatus.ERROR, 9, 1)


def test_trap_13_a_run_without_run_started_ends_when_its_roots_are_finished() -> None:
    """It has no run_finished either."""
    recorder = Recorder().root().step("root", "execute", after="FINISH")
    assert (recorder.state.run.status, recorder.state.run.ended) == (RunStatus.COMPLETED, recorder.events[-1].time)


def test_trap_14_calls_without_ids_are_paired_by_label() -> None:
    """The latest call ends first."""
    recorder = Recorder().root().llm_started("root", agent="Planner").llm_started("root").llm_started("root")
    node = recorder.llm_completed("root").state.nodes["root"]
    assert [call.label for call in node.calls] == ["Planner", "SimpleExecutor"]
    assert (node.llm_calls, node.calls[1].started) == (3, recorder.events[2].time)


def test_trap_14_calls_with_ids_are_paired_by_id() -> None:
    """Calls may end in any order."""
    recorder = Recorder().root().llm_started("root", "1").llm_started("root", "2").llm_completed("root", "1")
    calls = recorder.state.nodes["root"].calls
    started = recorder.events[2].time
    call = Span(3, "llm", "root", "SimpleExecutor", call_id="2", began=3, started=started, model="gpt-4o-mini")
    assert calls == (replace(call, arguments=checksum("You are...")),)


def test_trap_14_the_end_of_a_call_may_come_before_its_beginning() -> None:
    """The call counts once, and is closed."""
    recorder = Recorder().root().llm_started("root", "1").llm_completed("root", "1")
    recorder.entries[1:] = reversed(recorder.entries[1:])
    node = recorder.state.nodes["root"]
    assert (node.llm_calls, node.calls, node.orphans) == (1, (), ())


def test_trap_10_calls_of_parallel_steps_count_once() -> None:
    """All but the latest step are aborted until their ends arrive."""
    recorder = Recorder().root().node("root", "a").node("root", "b").node("root", "c")
    for number, node_id in enumerate("abc"):
        recorder.step_started(node_id, step=number).llm_started(node_id, f"call-{node_id}")
    assert (recorder.state.run.aborted, recorder.state.run.llm_calls) == (2, 3)
    for number, node_id in enumerate("abc"):
        recorder.llm_completed(node_id, f"call-{node_id}").step_finished(node_id, "execute", "FINISH", step=number)
    state = recorder.state
    assert (state.run.aborted, state.run.llm_calls) == (0, 3)
    assert [(state.nodes[id_].llm_calls, state.nodes[id_].orphans) for id_ in "abc"] == [(1, ())] * 3


def test_the_number_of_ids_of_calls_without_end_is_limited() -> None:
    recorder = Recorder().root()
    for number in range(300):
        recorder.step_started("root", step=number).llm_started("root", f"call-{number}")
    assert len(recorder.state.nodes["root"].orphans) == ORPHANS_MAX
    assert recorder.state.nodes["root"].llm_calls == 300


def test_the_length_of_ids_of_calls_without_end_is_limited() -> None:
    recorder = Recorder().root().step_started("root")
    for length in (ORPHAN_ID_CHARS_MAX, ORPHAN_ID_CHARS_MAX + 1):
        recorder.llm_started("root", "x" * length).tool_returned("root", "y" * length)
    recorder.step_finished("root", "plan", after="DOING")
    orphans = recorder.state.nodes["root"].orphans
    assert [len(call.call_id or "") for call in orphans] == [ORPHAN_ID_CHARS_MAX] * 2


def test_trap_15_a_tool_call_may_have_no_beginning() -> None:
    """Invalid and empty actions publish tool_returned only."""
    node = Recorder().root().tool_returned("root").tool_invoked("root").tool_returned("root").state.nodes["root"]
    assert (node.tool_calls, node.calls) == (2, ())


def test_trap_16_tokens_without_a_report_are_unknown() -> None:
    """Sums contain reported tokens only. Unknown is None, not 0."""
    recorder = Recorder().root().llm("root")
    assert (recorder.state.run.tokens_in, recorder.state.nodes["root"].tokens_out) == (None, None)
    recorder.llm("root", tokens=(5, 0)).llm("root", tokens=(6, 2))
    assert (recorder.state.run.tokens_in, recorder.state.nodes["root"].tokens_out) == (11, 2)


CUT = "only the first {} characters were published"


@pytest.mark.parametrize(
    ("event_type", "field", "limit"),
    [
        ("tool_invoked", "args_summary", 500),
        ("tool_returned", "result_summary", 500),
        ("llm_call_completed", "result_summary", 500),
        ("llm_call_started", "prompt_preview", 200),
        ("node_result_available", "result_summary", 500),
    ],
)
def test_trap_17_three_dots_follow_every_summary_cut_or_not(event_type: str, field: str, limit: int) -> None:
    """A summary of the maximum length was cut. Dots that belong to the text are kept."""
    whole, cut = "And so on..." + "...", "x" * limit + "..."
    text = inspected(Recorder().emit(event_type, {"node_id": "a", field: whole}))
    assert "And so on...\n" in f"{text}\n"
    assert CUT.format(limit) not in text
    assert CUT.format(limit) in inspected(Recorder().emit(event_type, {"node_id": "a", field: cut}))


def test_trap_17_a_result_is_json_that_may_be_cut_anywhere() -> None:
    """Complete JSON is formatted, cut JSON is shown as text. Neither is shown escaped."""
    result = json.dumps({"result": "Zwölf Zeilen\nüber Glühwürmchen. " + "x" * 20})
    assert '"result": "Zwölf Zeilen' in inspected(Recorder().result("a", "execute", f"{result}..."))
    long = json.dumps({"result": "A line\nand another. " * 60})[:500]
    text = inspected(Recorder().result("a", "execute", f"{long}..."))
    assert "A line\nand another. A line" in text
    assert CUT.format(500) in text


def test_trap_17_the_response_is_shown_instead_of_its_summary() -> None:
    """Both are published. The response is complete."""
    text = inspected(Recorder().emit("llm_call_completed", {"response": "All of it. " * 100, "result_summary": "All..."}))
    assert text.count("All of it.") == 100
    assert "All..." not in text


def test_trap_18_arguments_and_results_of_tools_are_python_literals() -> None:
    """The result of a failed tool is None."""
    text = inspected(Recorder().tool_invoked("a"))
    assert "{'query': None}" in text
    failed = {"tool_name": "t", "api_name": "a", "state": "HTTP_ERROR", "result_summary": "None...", "error": "502"}
    text = inspected(Recorder().emit("tool_returned", failed))
    assert ("Error\n502" in text, "Result\nNone" in text) == (True, True)


@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": ""}])
def test_trap_19_a_missing_an_empty_and_a_null_error_are_no_failure(error: dict[str, str | None]) -> None:
    recorder = Recorder().root()
    for event_type in ("llm_call_completed", "tool_returned"):
        recorder.emit(event_type, {"node_id": "root", "agent_class": "A", "tool_name": "t", "state": "SUCCESS", **error})
    assert (recorder.state.run.errors, recorder.state.nodes["root"].errors) == (0, 0)
    assert [event.facts.failed for event in recorder.events] == [False] * 3
    assert "Error" not in inspected(recorder)
    recorder.emit("tool_returned", {"node_id": "root", "tool_name": "t", "error": "502"})
    assert recorder.state.run.errors == 1


def test_trap_20_edges_have_two_fields_for_planner_names() -> None:
    """Most emitters publish parent_node_nid, some publish parent_nid."""
    payload = {"graph_owner_node_id": "o", "parent_node_id": "p", "child_node_id": "c"}
    edges = Recorder().emit("edge_added", {**payload, "parent_nid": 1, "child_nid": "2"}).state.edges
    assert [(edge.parent_nid, edge.child_nid) for edge in edges.values()] == [("1", "2")]


def test_trap_21_a_plan_uses_other_terms_than_its_nodes() -> None:
    """Ids may be numbers. Task types have aliases, one task type three."""
    plan: list[dict[str, object]] = [
        {"id": 0, "task_type": "analyze", "goal": "Weigh", "dependency": []},
        {"id": "1", "task_type": "think", "goal": "Think", "dependency": [0]},
    ]
    recorder = Recorder().emit("plan_received", {"node_id": "a", "raw_plan": plan})
    lines = event_lines(stored(recorder), recorder.entries[-1].fields[FIELD], None, 0.0, Glyphs(False))
    first, second = [line for line in lines if any(cell.text in ("Weigh", "Think") for cell in line.cells)]
    assert first.cells[1].role == second.cells[1].role != "text"
    text = inspected(recorder)
    assert ("0     analyze Weigh" in text, "after 0" in text) == (True, True)


@pytest.mark.parametrize("plan", [[], None])
def test_trap_21_a_task_without_sub_tasks_has_an_empty_plan_or_none(db: Path, plan: object) -> None:
    recorder = Recorder().root().emit("plan_received", {"node_id": "root", "raw_plan": plan})
    assert store(db, recorder.entries).stored == 2
    assert "small enough to be done as it is" in inspected(recorder)


def test_trap_21_a_plan_that_is_not_a_list_is_rejected(db: Path) -> None:
    """The documents declare an object, but no agent publishes one."""
    recorder = Recorder().root().emit("plan_received", {"node_id": "root", "raw_plan": {"id": "1"}}).llm("root")
    assert (store(db, recorder.entries).stored, len(recorder.entries)) == (3, 4)
    ((reason, data),) = query(db, "SELECT reason, data FROM rejected")
    assert "raw_plan" in reason
    assert data == recorder.entries[1].fields[FIELD]


def test_trap_22_an_edge_counts_once_and_only_if_it_has_an_edge_added() -> None:
    """The dependencies in node_created are incomplete, and are not used."""
    recorder = Recorder().root().edge("root", "a", "b").edge("root", "a", "b").edge("root", "b", "a").edge("root", "a", "a")
    created = {"node_id": "c", "layer": 1, "outer_node_id": "root", "initial_parent_nids": ["a"]}
    state = recorder.emit("node_created", created).state
    assert set(state.edges) == {EdgeKey("root", "a", "b"), EdgeKey("root", "b", "a"), EdgeKey("root", "a", "a")}
    assert state.run.edges == 3


def test_trap_23_events_are_ordered_by_the_stream(db: Path) -> None:
    """Sorted as text, "…11.4Z" comes before "…11Z"."""
    recorder = (
        Recorder().emit("note", {}, timestamp="2025-04-22T17:00:11Z").emit("note", {}, timestamp="2025-04-22T17:00:11.4Z")
    )
    store(db, recorder.entries)
    times = ["2025-04-22T17:00:11.000000Z", "2025-04-22T17:00:11.400000Z"]
    assert query(db, "SELECT timestamp FROM events ORDER BY id") == query(
        db, "SELECT timestamp FROM events ORDER BY timestamp"
    )
    assert [row[0] for row in query(db, "SELECT timestamp FROM events ORDER BY id")] == times


def test_trap_24_the_time_of_an_event_is_the_time_of_its_envelope() -> None:
    """The time in the payload of run_started is malformed."""
    recorder = Recorder().emit("run_started", {"timestamp_utc": "2025-04-22T17:25:11.4+00:00Z", "run_mode": "story"})
    assert recorder.state.run.started == recorder.events[0].time


def test_trap_25_durations_are_those_that_agents_measure() -> None:
    """Clocks differ, and a clock that is set back must not lead to a negative duration."""
    recorder = Recorder().root().step_started("root")
    late = {"step": 0, "node_id": "root", "status_after": "FINISH", "duration_seconds": 90}
    state = recorder.emit("step_finished", late, timestamp="2001-01-01T00:00:00Z").state
    assert state.nodes["root"].busy == 90
    assert (state.run.started or 0) < (state.run.latest or 0)


def test_trap_26_a_run_without_its_first_events_is_stored_completely(db: Path) -> None:
    """Run and root exist without run_started and node_created."""
    entries = Recorder().whole().entries[4:]
    assert store(db, entries).stored == len(entries)
    state = states(db)["run"]
    assert state.nodes["root"].placeholder
    assert (len(state.nodes), len(state.edges), state.run.root, state.run.roots) == (3, 1, "root", 1)


def test_trap_27_an_event_that_is_published_twice_is_stored_once(db: Path) -> None:
    """An event with a known id and other content is rejected, with the reason."""
    recorder = Recorder().root()
    forged = body_of({"event_id": "run-1", "event_type": "note", "payload": {}, "run_id": "run"})
    counts = store(db, [*recorder.entries, *recorder.entries, entry_of(forged, 7)])
    assert (counts.received, counts.stored, counts.duplicate, counts.rejected) == (3, 1, 1, 1)
    assert query(db, "SELECT reason, data FROM rejected") == [("event_id run-1 was seen before with other content", forged)]


def test_trap_28_reading_begins_at_the_start_and_continues_after_the_last_stored_entry(db: Path) -> None:
    """The position is stored in the file, together with the rows."""
    recorder = Recorder().root()
    with Writer(db) as writer:
        assert writer.cursor(writer.stream("agent_events")).position == START
    store(db, recorder.entries)
    with Writer(db) as writer:
        assert writer.cursor(writer.stream("agent_events")).position == recorder.entries[-1].at


def test_trap_29_events_of_unknown_types_are_stored_and_counted(db: Path) -> None:
    """The documents list 14 types, the code of the agents has 16, and more may follow."""
    store(db, Recorder().root().emit("prompt_template_rendered", {"node_id": "root"}).entries)
    assert query(db, "SELECT event_type, node_id FROM events ORDER BY id")[1] == ("prompt_template_rendered", "root")
    assert states(db)["run"].nodes["root"].events == 2


def test_trap_30_an_entry_that_is_not_an_event_is_kept_with_the_reason(db: Path) -> None:
    """The events before and after it are stored."""
    entries = Recorder().root().node("root", "a").entries
    bad = entry_of(b'{"event_type": "node_created", "payload"', 5)
    counts = store(db, [entries[0], bad, entries[1]])
    assert (counts.stored, counts.rejected) == (2, 1)
    assert query(db, "SELECT data FROM rejected") == [(bad.fields[b"json_payload"],)]


def test_trap_31_a_node_has_a_result_per_action(db: Path) -> None:
    """The final result of a node with a plan is the aggregate."""
    recorder = Recorder().root().result("root", "plan", "a plan...").result("root", "final_aggregate", "a book...")
    recorder.result("root", "plan", "another plan...")
    assert recorder.state.nodes["root"].results == {"plan": 4, "final_aggregate": 3}
    store(db, recorder.entries)
    assert query(db, "SELECT json_extract(result, '$.result_summary') FROM nodes") == [("a book...",)]


def test_trap_32_the_latest_run_is_the_run_of_the_latest_event(db: Path) -> None:
    """Clocks are not compared."""
    first = Recorder("A").emit("run_started", {}, timestamp="2031-01-01T00:00:00Z")
    store(db, Recorder("B", beside=first).run_started().entries)
    assert query(db, "SELECT run_id FROM run ORDER BY first_seq DESC") == [("B",), ("A",)]
