"""What real agents publish is not what one would expect. Each test is a way to get it wrong, numbered as in the reference
of their events."""

import json
from pathlib import Path

import pytest

from store.cursor import START
from store.fold import ORPHANS
from store.record import Stored
from store.state import Call, EdgeKey, RunStatus, Step, Totals
from store.writer import FIELD, Writer
from tests.recorder import Recorder, body_of, entry_of
from tests.tables import query, rows, states, store
from tui.models.detail import event_lines
from tui.theme import Glyphs


def stored(recorder: Recorder) -> Stored:
    """The last event, as a reader gives it."""
    return Stored(1, 1, recorder.events[-1], recorder.events[-1].facts.failed, None, None)


def inspected(recorder: Recorder) -> str:
    """What the inspector says of the last event."""
    lines = event_lines(stored(recorder), recorder.entries[-1].fields[FIELD], None, 0.0, Glyphs(False))
    return "\n".join("".join(cell.text for cell in line.cells) for line in lines)


def test_trap_01_events_without_a_run_id_are_put_together_by_the_nodes_they_name(db: Path) -> None:
    """Two old agents on one stream, neither of which names its run: two runs, and not an event lost."""
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


def test_trap_01_a_step_that_forgets_its_run_id_belongs_to_the_run_of_its_node(db: Path) -> None:
    """Agents that name their runs left the name out of two kinds of events for a while."""
    recorder = Recorder("A").run_started().nameless().root("a").step_started("a")
    recorder.run_id = "A"
    other = Recorder("B", beside=recorder).run_started().root("b")
    recorder.step_finished("a", "plan", after="DOING").nameless().step_started("a")
    store(db, other.entries)
    assert {run_id: state.position for run_id, state in states(db).items()} == {"A": 5, "B": 2}


def test_trap_01_the_published_null_stays_null(db: Path) -> None:
    """That a run was guessed changes nothing of what the agent said."""
    recorder = Recorder(None).root("a")
    store(db, recorder.entries)
    assert rows(db, "body")["body"][0][2] == recorder.entries[0].fields[b"json_payload"]
    assert query(db, "SELECT run_id, declared FROM runs") == [("auto-a", 0)]


def test_trap_02_a_run_may_have_several_roots_and_counts_their_steps_from_nought() -> None:
    """Each input item has a root of its own."""
    recorder = Recorder().run_started().root("a").step("a", "execute", after="FINISH").root("b", "Another")
    run = recorder.step("b", "execute", after="FINISH").state.run
    assert (run.roots, run.steps, run.aborted, run.goal) == (("a", "b"), 2, 0, "Write a book")


def test_trap_03_the_planners_names_are_not_unique() -> None:
    """Every task that is not divided is called "0", and every root has no name at all."""
    nodes = Recorder().root().node("root", "a", nid="1").node("a", "a0", nid="0").node("root", "b").node("b", "b0", nid="0")
    assert {node_id: node.nid for node_id, node in nodes.state.nodes.items()} == {
        "root": "", "a": "1", "a0": "0", "b": "b", "b0": "0",
    }  # fmt: skip


def test_trap_04_an_event_is_found_under_every_node_that_it_names(db: Path) -> None:
    """`node_id` of an edge is the owner of the graph; the edge is about three nodes."""
    store(db, Recorder().edge("owner", "first", "second").entries)
    assert [row[1] for row in rows(db, "node_event")["node_event"]] == ["first", "owner", "second"]


def test_trap_05_a_root_does_not_know_itself_and_is_ready_without_a_word() -> None:
    """Its root_node_id is the text UNKNOWN."""
    root = Recorder().root().state.nodes["root"]
    assert (root.root, root.outer, root.status, root.layer) == ("root", None, "READY", 0)
    assert "UNKNOWN" not in Recorder().root().node("root", "a").state.nodes


def test_trap_06_fields_about_another_node_are_not_believed() -> None:
    """Events carry along goal and status of the node at work, which is not always the one they are about."""
    recorder = Recorder().root().node("root", "a", "Search").added("root", "a").status("a", "READY", goal="Search")
    node = recorder.state.nodes["a"]
    assert (node.wording, node.status, recorder.state.nodes["root"].status) == ("Search", "READY", "READY")


def test_trap_07_step_finished_moves_the_status() -> None:
    """Only three of ten changes are announced as such; FINISH is not among them."""
    recorder = Recorder().root().step("root", "plan", after="PLAN_DONE")
    assert recorder.state.nodes["root"].status == "PLAN_DONE"
    assert recorder.step("root", "execute", after="FINISH").state.run.finished == 1


def test_trap_08_a_node_begins_as_not_ready() -> None:
    """node_created says nothing about the status, and a status that is known already stays."""
    recorder = Recorder().root().node("root", "a").status("b", "READY").node("root", "b")
    assert [recorder.state.nodes[node_id].status for node_id in "ab"] == ["NOT_READY", "READY"]


def test_trap_09_planning_may_reword_a_goal() -> None:
    """The goal is kept as first announced and as last heard."""
    node = Recorder().root().node("root", "a", "Search it").step_started("a", "Search it in 2025").state.nodes["a"]
    assert (node.goal, node.latest_goal, node.wording) == ("Search it", "Search it in 2025", "Search it in 2025")


@pytest.mark.parametrize("next_event", ["step_started", "node_created", "run_started", "run_finished", "run_error"])
def test_trap_10_a_step_without_end_is_aborted_when_the_run_goes_on(next_event: str) -> None:
    """An exception in an action leaves no event: the next step, root, beginning or end tells, and no call stays open."""
    recorder = Recorder().root().step_started("root").llm_started("root")
    assert recorder.state.nodes["root"].working
    state = recorder.emit(next_event, {"node_id": "another", "layer": 0}).state
    node = state.nodes["root"]
    assert (state.run.aborted, node.aborted, node.calls, node.working) == (1, 1, (), False)
    assert node.step == Step(0, recorder.events[1].time, open=False, aborted=True)


def test_trap_10_a_step_whose_end_is_only_late_was_not_aborted() -> None:
    """Then it is open no longer, and counts once."""
    recorder = Recorder().root().node("root", "a").step_started("root", step=0).step_started("a", step=1)
    state = recorder.step_finished("root", "plan", after="DOING", step=0).state
    assert (state.run.steps, state.run.aborted, state.run.stepping) == (2, 0, "a")
    assert state.nodes["root"].step == Step(0, state.nodes["root"].started or 0.0, open=False)


def test_trap_11_a_run_that_says_it_finished_may_have_done_nothing() -> None:
    """Its totals may all be 0: they are kept, apart from what was counted."""
    run = Recorder().run_started().root().step_started("root").run_finished(total_steps=0, total_nodes=0).state.run
    assert (run.status, run.totals) == (RunStatus.COMPLETED, Totals(steps=0, nodes=0))
    assert (run.steps, run.nodes, run.finished) == (1, 1, 0)


def test_trap_12_a_run_that_was_killed_says_nothing() -> None:
    """It stays running; whoever shows it has the time of its latest event."""
    recorder = Recorder().run_started().root().step_started("root")
    run = recorder.state.run
    assert (run.status, run.ended, run.latest) == (RunStatus.RUNNING, None, recorder.events[-1].time)


def test_trap_13_a_run_may_begin_twice_and_go_on_after_its_end() -> None:
    """No counter starts again."""
    recorder = Recorder().run_started().root().step("root", "plan", after="DOING").run_finished().run_started()
    assert (recorder.state.run.status, recorder.state.run.steps, recorder.state.run.ended) == (RunStatus.RUNNING, 1, None)
    run = recorder.run_error().llm("root").state.run
    assert (run.status, run.events, run.llm_calls) == (RunStatus.ERROR, 9, 1)


def test_trap_13_a_run_may_begin_without_a_word() -> None:
    """Then it began with its first event, and ended when its roots finished."""
    recorder = Recorder().root().step("root", "execute", after="FINISH")
    assert (recorder.state.run.status, recorder.state.run.ended) == (RunStatus.COMPLETED, recorder.events[-1].time)


def test_trap_14_calls_without_ids_are_paired_by_who_was_called() -> None:
    """The one opened last is the first to come back."""
    recorder = Recorder().root().llm_started("root", agent="Planner").llm_started("root").llm_started("root")
    node = recorder.llm_completed("root").state.nodes["root"]
    assert [call.label for call in node.calls] == ["Planner", "SimpleExecutor"]
    assert (node.llm_calls, node.calls[1].started) == (3, recorder.events[2].time)


def test_trap_14_calls_with_ids_are_paired_by_them() -> None:
    """Whichever comes back first."""
    recorder = Recorder().root().llm_started("root", "1").llm_started("root", "2").llm_completed("root", "1")
    calls = recorder.state.nodes["root"].calls
    assert calls == (Call("llm", "SimpleExecutor", recorder.events[2].time, "2", "gpt-4o-mini"),)


def test_trap_14_an_answer_may_be_heard_before_its_call() -> None:
    """It counts once, and nothing stays open."""
    node = Recorder().root().llm_completed("root", "1").llm_started("root", "1").state.nodes["root"]
    assert (node.llm_calls, node.calls, node.orphans) == (1, (), ())


def test_trap_10_of_steps_at_the_same_time_each_call_counts_once() -> None:
    """All but the last are called aborted until their ends come."""
    recorder = Recorder().root().node("root", "a").node("root", "b").node("root", "c")
    for number, node_id in enumerate("abc"):
        recorder.step_started(node_id, step=number).llm_started(node_id, f"call-{node_id}")
    assert (recorder.state.run.aborted, recorder.state.run.llm_calls) == (2, 3)
    for number, node_id in enumerate("abc"):
        recorder.llm_completed(node_id, f"call-{node_id}").step_finished(node_id, "execute", "FINISH", step=number)
    state = recorder.state
    assert (state.run.aborted, state.run.llm_calls) == (0, 3)
    assert [(state.nodes[id_].llm_calls, state.nodes[id_].orphans) for id_ in "abc"] == [(1, ())] * 3


def test_ids_of_calls_that_never_end_are_not_kept_for_ever() -> None:
    recorder = Recorder().root()
    for number in range(300):
        recorder.step_started("root", step=number).llm_started("root", f"call-{number}")
    assert len(recorder.state.nodes["root"].orphans) == ORPHANS
    assert recorder.state.nodes["root"].llm_calls == 300


def test_trap_15_a_tool_may_return_that_was_never_invoked() -> None:
    """Actions that are invalid, or none, only return."""
    node = Recorder().root().tool_returned("root").tool_invoked("root").tool_returned("root").state.nodes["root"]
    assert (node.tool_calls, node.calls) == (2, ())


def test_trap_16_tokens_that_nobody_reported_are_unknown_not_nought() -> None:
    """Sums are of what was reported."""
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
def test_trap_17_three_dots_do_not_mean_that_there_was_more(event_type: str, field: str, limit: int) -> None:
    """They always follow; what is as long as can be was cut. One that the text had itself stays."""
    whole, cut = "And so on..." + "...", "x" * limit + "..."
    said = inspected(Recorder().emit(event_type, {"node_id": "a", field: whole}))
    assert "And so on...\n" in f"{said}\n"
    assert CUT.format(limit) not in said
    assert CUT.format(limit) in inspected(Recorder().emit(event_type, {"node_id": "a", field: cut}))


def test_trap_17_a_result_is_json_that_may_be_cut_anywhere() -> None:
    """Whole, it is unfolded; cut, it is a text, and in neither case is it shown escaped."""
    result = json.dumps({"result": "Zwölf Zeilen\nüber Glühwürmchen. " + "x" * 20})
    assert '"result": "Zwölf Zeilen' in inspected(Recorder().result("a", "execute", f"{result}..."))
    long = json.dumps({"result": "A line\nand another. " * 60})[:500]
    said = inspected(Recorder().result("a", "execute", f"{long}..."))
    assert "A line\nand another. A line" in said
    assert CUT.format(500) in said


def test_trap_17_an_answer_is_shown_and_not_its_summary() -> None:
    """It is published whole beside that."""
    said = inspected(Recorder().emit("llm_call_completed", {"response": "All of it. " * 100, "result_summary": "All..."}))
    assert said.count("All of it.") == 100
    assert "All..." not in said


def test_trap_18_what_tools_take_and_give_is_python_not_json() -> None:
    """A tool that failed says None."""
    said = inspected(Recorder().tool_invoked("a"))
    assert "{'query': None}" in said
    failed = {"tool_name": "t", "api_name": "a", "state": "HTTP_ERROR", "result_summary": "None...", "error": "502"}
    said = inspected(Recorder().emit("tool_returned", failed))
    assert ("Error\n502" in said, "Result\nNone" in said) == (True, True)


@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": ""}])
def test_trap_19_no_error_an_empty_one_and_none_at_all_are_the_same(error: dict[str, str | None]) -> None:
    """Nothing failed."""
    recorder = Recorder().root()
    for event_type in ("llm_call_completed", "tool_returned"):
        recorder.emit(event_type, {"node_id": "root", "agent_class": "A", "tool_name": "t", "state": "SUCCESS", **error})
    assert (recorder.state.run.errors, recorder.state.nodes["root"].errors) == (0, 0)
    assert [event.facts.failed for event in recorder.events] == [False] * 3
    assert "Error" not in inspected(recorder)
    recorder.emit("tool_returned", {"node_id": "root", "tool_name": "t", "error": "502"})
    assert recorder.state.run.errors == 1


def test_trap_20_edges_have_two_names_for_the_planners_names() -> None:
    """parent_node_nid on the wire, parent_nid in tables and in some emitters."""
    payload = {"graph_owner_node_id": "o", "parent_node_id": "p", "child_node_id": "c"}
    edges = Recorder().emit("edge_added", {**payload, "parent_nid": 1, "child_nid": "2"}).state.edges
    assert [(edge.parent_nid, edge.child_nid) for edge in edges.values()] == [("1", "2")]


def test_trap_21_a_plan_speaks_another_language_than_the_nodes_that_it_makes() -> None:
    """Ids may be numbers, kinds have other names, and for one kind there are three."""
    plan: list[dict[str, object]] = [
        {"id": 0, "task_type": "analyze", "goal": "Weigh", "dependency": []},
        {"id": "1", "task_type": "think", "goal": "Think", "dependency": [0]},
    ]
    recorder = Recorder().emit("plan_received", {"node_id": "a", "raw_plan": plan})
    lines = event_lines(stored(recorder), recorder.entries[-1].fields[FIELD], None, 0.0, Glyphs(False))
    first, second = [line for line in lines if any(cell.text in ("Weigh", "Think") for cell in line.cells)]
    assert first.cells[1].role == second.cells[1].role != "text"
    said = inspected(recorder)
    assert ("0     analyze Weigh" in said, "after 0" in said) == (True, True)


@pytest.mark.parametrize("plan", [[], None])
def test_trap_21_a_task_that_is_not_divided_has_an_empty_plan(db: Path, plan: object) -> None:
    """Or none."""
    recorder = Recorder().root().emit("plan_received", {"node_id": "root", "raw_plan": plan})
    assert store(db, recorder.entries).stored == 2
    assert "small enough to be done as it is" in inspected(recorder)


def test_trap_21_a_plan_that_is_no_list_is_kept_apart(db: Path) -> None:
    """Documents declare it as an object, which nobody ever published."""
    recorder = Recorder().root().emit("plan_received", {"node_id": "root", "raw_plan": {"id": "1"}}).llm("root")
    assert (store(db, recorder.entries).stored, len(recorder.entries)) == (3, 4)
    ((reason, data),) = query(db, "SELECT reason, data FROM rejected")
    assert "raw_plan" in reason
    assert data == recorder.entries[1].fields[FIELD]


def test_trap_22_an_edge_counts_once_and_only_where_it_was_announced() -> None:
    """What a planner declares when it creates a node is neither complete nor obeyed."""
    recorder = Recorder().root().edge("root", "a", "b").edge("root", "a", "b").edge("root", "b", "a").edge("root", "a", "a")
    created = {"node_id": "c", "layer": 1, "outer_node_id": "root", "initial_parent_nids": ["a"]}
    state = recorder.emit("node_created", created).state
    assert set(state.edges) == {EdgeKey("root", "a", "b"), EdgeKey("root", "b", "a"), EdgeKey("root", "a", "a")}
    assert state.run.edges == 3


def test_trap_23_order_is_the_order_of_the_stream(db: Path) -> None:
    """As text "…11.4Z" comes before "…11Z"; the stream knows better, and so do the views."""
    recorder = (
        Recorder().emit("note", {}, timestamp="2025-04-22T17:25:11Z").emit("note", {}, timestamp="2025-04-22T17:25:11.4Z")
    )
    store(db, recorder.entries)
    times = ["2025-04-22T17:25:11.000000Z", "2025-04-22T17:25:11.400000Z"]
    assert query(db, "SELECT timestamp FROM events ORDER BY id") == query(
        db, "SELECT timestamp FROM events ORDER BY timestamp"
    )
    assert [row[0] for row in query(db, "SELECT timestamp FROM events ORDER BY id")] == times


def test_trap_24_the_time_of_an_event_is_that_of_its_envelope() -> None:
    """The time within run_started is malformed."""
    recorder = Recorder().emit("run_started", {"timestamp_utc": "2025-04-22T17:25:11.4+00:00Z", "run_mode": "story"})
    assert recorder.state.run.started == recorder.events[0].time


def test_trap_25_clocks_differ_so_durations_are_those_that_agents_measured() -> None:
    """A clock that went back makes no time negative."""
    recorder = Recorder().root().step_started("root")
    late = {"step": 0, "node_id": "root", "status_after": "FINISH", "duration_seconds": 90}
    state = recorder.emit("step_finished", late, timestamp="2001-01-01T00:00:00Z").state
    assert state.nodes["root"].busy == 90
    assert (state.run.started or 0) < (state.run.latest or 0)


def test_trap_26_a_run_heard_of_from_its_middle_loses_nothing(db: Path) -> None:
    """Neither run_started nor the root were heard: both are there, as far as they are known."""
    entries = Recorder().whole().entries[4:]
    assert store(db, entries).stored == len(entries)
    state = states(db)["run"]
    assert state.nodes["root"].placeholder
    assert (len(state.nodes), len(state.edges), state.run.roots) == (3, 1, ("root",))


def test_trap_27_an_event_delivered_twice_is_stored_once(db: Path) -> None:
    """The same id with other content is another matter: kept, with the reason."""
    recorder = Recorder().root()
    forged = body_of({"event_id": "run-1", "event_type": "note", "payload": {}, "run_id": "run"})
    counts = store(db, [*recorder.entries, *recorder.entries, entry_of(forged, 7)])
    assert (counts.received, counts.stored, counts.duplicate, counts.rejected) == (3, 1, 1, 1)
    assert query(db, "SELECT reason, data FROM rejected") == [("event_id run-1 was seen before with other content", forged)]


def test_trap_28_reading_starts_at_the_beginning_and_goes_on_from_the_last_row(db: Path) -> None:
    """The position is in the file, beside the rows that it covers."""
    recorder = Recorder().root()
    with Writer(db) as writer:
        assert writer.cursor(writer.stream("agent_events")).position == START
    store(db, recorder.entries)
    with Writer(db) as writer:
        assert writer.cursor(writer.stream("agent_events")).position == recorder.entries[-1].at


def test_trap_29_types_that_nobody_knows_are_stored_and_counted(db: Path) -> None:
    """There are 14 types by the documents, 16 in the code, and more to come."""
    store(db, Recorder().root().emit("prompt_template_rendered", {"node_id": "root"}).entries)
    assert query(db, "SELECT event_type, node_id FROM events ORDER BY id")[1] == ("prompt_template_rendered", "root")
    assert states(db)["run"].nodes["root"].events == 2


def test_trap_30_what_is_no_event_is_kept_as_it_is(db: Path) -> None:
    """With the reason, and the events around it are stored."""
    entries = Recorder().root().node("root", "a").entries
    bad = entry_of(b'{"event_type": "node_created", "payload"', 5)
    counts = store(db, [entries[0], bad, entries[1]])
    assert (counts.stored, counts.rejected) == (2, 1)
    assert query(db, "SELECT data FROM rejected") == [(bad.fields[b"json_payload"],)]


def test_trap_31_a_node_has_a_result_of_each_action(db: Path) -> None:
    """Of a node that planned, the last word is the aggregate."""
    recorder = Recorder().root().result("root", "plan", "a plan...").result("root", "final_aggregate", "a book...")
    recorder.result("root", "plan", "another plan...")
    assert recorder.state.nodes["root"].results == {"plan": 4, "final_aggregate": 3}
    store(db, recorder.entries)
    assert query(db, "SELECT json_extract(result, '$.result_summary') FROM nodes") == [("a book...",)]


def test_trap_32_the_latest_run_is_the_one_heard_of_last(db: Path) -> None:
    """Not the one whose clock is ahead."""
    first = Recorder("A").emit("run_started", {}, timestamp="2031-01-01T00:00:00Z")
    store(db, Recorder("B", beside=first).run_started().entries)
    assert query(db, "SELECT run_id FROM run ORDER BY first_seq DESC") == [("B",), ("A",)]
