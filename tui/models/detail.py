"""All that is known of one event, or of one node, as lines to read: by kind, not as raw JSON. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from store.record import Stored
from store.state import Node, Run
from tui import format as fmt
from tui.models.columns import Cell
from tui.models.lines import Line, fact, heading, line, prose
from tui.models.summary import own_time, tokens
from tui.text import clean
from tui.theme import TASKS, Glyphs, event_name, node_mark, status_role, task_name

LARGE = 2_000_000
"""Bytes of a body above which it is not taken apart, only shown from its beginning."""

PLANNED = {"analyze": "think", "analysis": "think"}
"""What planners say for another word of theirs."""

SHOWN = 20
"""Nodes that are listed before the rest is only counted."""

Payload = Mapping[str, Any]


def event_lines(stored: Stored, body: bytes, node: Node | None, start: float, glyphs: Glyphs) -> list[Line]:
    """One event: what, when, about which node, and what it says."""
    event = stored.event
    name, role = event_name(event.type)
    lines = [
        Line((Cell(f"{glyphs.event(event.type)} {clean(name, 40)}", role), Cell(f"  {clean(event.type, 60)}", "faint"))),
        fact("when", f"{fmt.clock(event.time)}   +{fmt.offset(event.time - start)}"),
    ]
    if node is not None:
        lines.append(
            fact(
                "node",
                f"{'?' if node.nid is None else clean(node.nid, 20) or 'root'}  {clean(node.wording or node.node_id, 60)}",
            )
        )
    if stored.status is not None:
        lines.append(_status_line(stored, glyphs))
    if event.facts.step is not None:
        lines.append(fact("step", str(event.facts.step)))
    if event.facts.duration is not None:
        lines.append(fact("took", fmt.duration(event.facts.duration)))
    if len(body) > LARGE:
        lines += [Line(), line(f"{fmt.size(len(body))}: too large to take apart; from its beginning:", "muted")]
        return [*lines, *prose(body[:LARGE].decode("utf-8", "replace"))]
    payload = _payload(body)
    detail = _DETAILS.get(event.type, _any)
    return [*lines, *detail(payload), *_origin(stored, payload)]


def raw_lines(body: bytes) -> list[Line]:
    """The event as published, indented."""
    if len(body) <= LARGE:
        try:
            text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
            return [_json_line(part.cells[0].text) for part in prose(text)]
        except (ValueError, RecursionError):
            pass
    return prose(body[:LARGE].decode("utf-8", "replace"))


_JSON_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(: ?)(.*)$')


def _json_line(text: str) -> Line:
    found = _JSON_KEY.match(text)
    if not found:
        return line(text, "text", len(text) - len(text.lstrip()) + 2)
    indent, key, colon, value = found.groups()
    role = "text" if value.startswith('"') else "muted" if value in "{[" else "doing"
    return Line((Cell(indent), Cell(key, "label"), Cell(colon, "faint"), Cell(value, role)), len(indent) + 2)


def _payload(body: bytes) -> Payload:
    try:
        payload = json.loads(body)["payload"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _origin(stored: Stored, payload: Payload) -> list[Line]:
    context = [
        fact(name.replace("_", " "), _text(payload[name]), "muted", 16)
        for name in ("action_name", "node_status", "node_next_status", "agent_class")
        if payload.get(name) and stored.event.type.startswith(("llm_", "tool_", "plan_", "node_result"))
    ]
    return [
        *heading("Event"),
        *context,
        fact("event id", clean(stored.event.event_id), "muted", 16),
        fact("run id", clean(stored.event.run_id or "none published"), "muted", 16),
        fact("position", f"{stored.position} in the run, {stored.seq} in the file", "muted", 16),
    ]


def _status_line(stored: Stored, glyphs: Glyphs) -> Line:
    old, new = stored.old_status, stored.status or ""
    return Line(
        (
            Cell(f"{'status':<10} ", "muted"),
            Cell(f"{glyphs(old or 'placeholder')} {clean(old or 'unknown', 30)}", status_role(old)),
            Cell(f" {glyphs('arrow')} ", "muted"),
            Cell(f"{glyphs(new)} {clean(new, 30)}", status_role(new)),
        )
    )


def _text(value: object) -> str:
    return clean(_string(value), 4_000)


def _long(value: object) -> list[Line]:
    return prose(value if isinstance(value, str) else _json(value))


def _string(value: object) -> str:
    return value if isinstance(value, str) else _json(value, None)


def _json(value: object, indent: int | None = 2) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    except RecursionError:  # what could be read just so can still be too deep to be written
        return "(nested too deeply to be shown; v shows the event as published)"


def _section(title: str, value: object) -> list[Line]:
    return [*heading(title), *_long(value)] if value not in (None, "", [], {}) else []


# By event type


def _plan(payload: Payload) -> list[Line]:
    tasks = payload.get("raw_plan")
    if not tasks:
        return [Line(), line("An empty plan: the task is small enough to be done as it is.", "muted")]
    if not isinstance(tasks, list):
        return _section("Plan", tasks)
    return [*heading(f"Plan, {fmt.exactly(len(tasks), 'task')}"), *_tasks(tasks, 0)]


def _tasks(tasks: object, depth: int) -> Iterable[Line]:
    waiting = [(task, depth) for task in reversed(tasks)] if isinstance(tasks, list) else []
    while waiting:
        task, depth = waiting.pop()
        if not isinstance(task, dict):
            yield line("  " * depth + _text(task))
            continue
        kind = _text(task.get("task_type", "?"))
        role = next((role for name, role in TASKS.values() if name == PLANNED.get(kind, kind)), "text")
        needs = task.get("dependency") or []
        after = f"  after {', '.join(map(_text, needs))}" if isinstance(needs, list) and needs else ""
        length = f"  {_text(task['length'])}" if task.get("length") else ""
        name = clean(_string(task.get("id", "")), 12)
        lead = f"{'  ' * depth}{name:<5} "
        yield Line(
            (
                Cell(lead, "label"),
                Cell(f"{clean(kind, 12):<6} ", role),
                Cell(_text(task.get("goal", "")), "text"),
                Cell(f"{length}{after}", "muted"),
            ),
            len(lead) + 7,
        )
        inner = task.get("sub_tasks")
        waiting += [(task, depth + 1) for task in reversed(inner)] if isinstance(inner, list) else []


def _llm_started(payload: Payload) -> list[Line]:
    lines = [fact("model", _text(payload.get("model", "?")))]
    messages = payload.get("prompt")
    if not isinstance(messages, list):
        return [*lines, *_section("Prompt", messages or _published(payload.get("prompt_preview"), PROMPT))]
    for message in messages:
        role = message.get("role", "?") if isinstance(message, dict) else "?"
        content = message.get("content", "") if isinstance(message, dict) else message
        lines += _section(f"Prompt · {_text(role)}", content)
    return lines


def _llm_completed(payload: Payload) -> list[Line]:
    usage = payload.get("token_usage")
    lines = [fact("model", _text(payload.get("model", "?")))]
    if isinstance(usage, dict):
        spent = ", ".join(f"{clean(str(name), 40).replace('_', ' ')} {_text(value)}" for name, value in usage.items())
        lines.append(fact("tokens", spent))
    else:
        lines.append(fact("tokens", f"{fmt.UNKNOWN}, the agent did not say", "faint"))
    if payload.get("error"):
        lines += [*heading("Error"), *prose(_text(payload["error"]), "failed")]
    return [*lines, *_section("Response", payload.get("response") or _published(payload.get("result_summary")))]


def _tool(payload: Payload) -> list[Line]:
    lines = [fact("tool", f"{_text(payload.get('tool_name', '?'))}.{_text(payload.get('api_name', '?'))}")]
    if payload.get("state"):
        state = _text(payload["state"])
        lines.append(fact("state", state, "failed" if state.endswith("_ERROR") else "done"))
    if payload.get("error"):
        lines += [*heading("Error"), *prose(_text(payload["error"]), "failed")]
    arguments, result = _published(payload.get("args_summary")), _published(payload.get("result_summary"))
    return [*lines, *_section("Arguments", arguments), *_section("Result", result)]


SUMMARY, PROMPT = 500, 200
"""Characters of a text that are published of what is called a summary, and of a prompt; three dots always follow."""


def _published(text: object, limit: int = SUMMARY) -> object:
    """Such a text as it was, if it was published whole; else as far as it was, which is said."""
    if not isinstance(text, str):
        return text
    if len(text) < limit + len("..."):
        return text.removesuffix("...")
    return f"{text}\n(only the first {limit} characters were published)"


def _result(payload: Payload) -> list[Line]:
    return [fact("of", _text(payload.get("action_name", "?"))), *_section("Result", _summary_text(payload))]


def _summary_text(payload: Payload) -> str:
    """A result as far as it was published: mostly JSON, mostly cut off somewhere."""
    summary = payload.get("result_summary")
    if not isinstance(summary, str):
        return "" if summary is None else _json(summary)
    try:
        value = json.loads(summary.removesuffix("..."))
    except (ValueError, RecursionError):
        return str(_published(summary)).replace("\\n", "\n").replace('\\"', '"')
    return value if isinstance(value, str) else _json(value)


def _created(payload: Payload) -> list[Line]:
    name, role = task_name(_string(payload.get("task_type", "?")))
    declared = payload.get("initial_parent_nids")
    lines = [
        fact("kind", _text(payload.get("node_type", "?"))),
        fact("task", clean(name, 20), role),
        fact("layer", _text(payload.get("layer", "?"))),
    ]
    if isinstance(declared, list) and declared:
        lines.append(fact("declared", f"waits for {', '.join(map(_text, declared))}"))
    return [*lines, *_section("Goal", payload.get("task_goal"))]


def _error(payload: Payload) -> list[Line]:
    message = prose(_string(payload.get("error_message", "")), "failed")
    lines = [*heading(_text(payload.get("error_type", "Error"))), *message]
    return [*lines, *_section("Stack trace", payload.get("stack_trace")), *_section("Context", payload.get("context"))]


def _goal(payload: Payload) -> list[Line]:
    return _section("Goal", payload.get("node_goal"))


def _any(payload: Payload) -> list[Line]:
    """Whatever it holds, field by field."""
    lines = heading("Payload") if payload else []
    for name, value in payload.items():
        if isinstance(value, dict | list) and value:
            lines += [
                line(f"{clean(str(name), 40)}", "muted"),
                *prose(_json(value), indent=2),
            ]
        else:
            lines.append(fact(clean(str(name), 40), _text(value), width=20))
    return lines


_DETAILS: dict[str, Callable[[Payload], list[Line]]] = {
    "run_error": _error,
    "step_started": _goal,
    "node_status_changed": _goal,
    "step_finished": lambda payload: [fact("action", _text(payload.get("action_name", "?")))],
    "node_created": _created,
    "plan_received": _plan,
    "node_result_available": _result,
    "llm_call_started": _llm_started,
    "llm_call_completed": _llm_completed,
    "tool_invoked": _tool,
    "tool_returned": _tool,
}


# A node


class NodeFacts:
    """What is known of a node beside the run's state: its status history, its result as published, its dependencies."""

    def __init__(
        self,
        history: Sequence[Stored] = (),
        result: bytes = b"",
        needs: Sequence[str] = (),
        needs_further: Sequence[str] = (),
        feeds: Sequence[str] = (),
        feeds_further: Sequence[str] = (),
        circle: Iterable[str] = (),
        around: Mapping[str, Node] | None = None,
    ) -> None:
        self.history = history
        self.result = result
        self.needs, self.needs_further = needs, needs_further
        self.feeds, self.feeds_further = feeds, feeds_further
        self.circle = frozenset(circle)
        self.around = around or {}


def node_lines(node: Node, run: Run, facts: NodeFacts | None, now: float, glyphs: Glyphs) -> list[Line]:
    """One node: what it is for, how it got where it is, what it cost, what it waits for. `facts` is None while loading."""
    mark, role = node_mark(node)
    name, task_role = task_name(node.task_type)
    kind = {"PLAN_NODE": "plan node", "EXECUTE_NODE": "execute node"}.get(
        node.node_type or "", node.node_type or "unknown kind"
    )
    status = node.status or "unknown: not announced yet"
    lines = [
        Line(
            (
                Cell(f"{glyphs(mark)} {clean(node.nid or '') or ('root' if node.root == node.node_id else '?')}", role),
                Cell(f"  {clean(kind, 30)}", "muted"),
                Cell(f"  {clean(name, 20)}", task_role),
            )
        ),
        fact("status", clean(status, 60), status_role(node.status)),
        *heading("Goal"),
        *prose(node.goal or node.latest_goal or "not heard of yet"),
    ]
    if node.latest_goal and node.goal and node.latest_goal.replace("\n", ";") != node.goal:
        lines += [*heading("Goal as reworded"), *prose(node.latest_goal)]
    if node.loop is not None:
        lines.append(line("It claims to lie inside a node that lies inside it; shown at the top instead.", "failed"))
    lines += [*heading("Work"), *_work(node, run, now)]
    if facts is None:
        return [*lines, Line(), line(f"reading{glyphs('more')}", "faint")]
    lines += _neighbours("Waits for", facts.needs, facts.needs_further, facts, glyphs)
    lines += _neighbours("Waited for by", facts.feeds, facts.feeds_further, facts, glyphs)
    if node.node_id in facts.circle:
        lines.append(line("These wait for each other in a circle: none can ever begin.", "failed"))
    lines += _history(facts.history, run, glyphs)
    if facts.result:
        payload = _payload(facts.result)
        lines += _section(f"Result of {_text(payload.get('action_name', '?'))}", _summary_text(payload))
    return [*lines, *heading("Identity"), fact("node id", clean(node.node_id), "muted"), _layer(node)]


def _layer(node: Node) -> Line:
    return fact("layer", fmt.UNKNOWN if node.layer is None else str(node.layer), "muted")


def _work(node: Node, run: Run, now: float) -> list[Line]:
    start = run.started or 0.0
    own = own_time(node, now)
    steps = fmt.exactly(node.steps, "step")
    lines = [fact("own time", f"{fmt.duration(own)} in {steps}" if node.steps else "not begun", "text")]
    for label, time in (("created", node.created), ("started", node.started), ("finished", node.finished)):
        if time is not None:
            lines.append(fact(label, f"+{fmt.offset(time - start)}   {fmt.clock(time)}"))
    lines.append(fact("calls", f"{node.llm_calls} llm, {node.tool_calls} tool"))
    lines.append(fact("tokens", f"{tokens(node.tokens_in, node.tokens_out)} in+out", "text" if node.tokens_in else "faint"))
    if node.errors or node.aborted:
        lines.append(fact("errors", f"{node.errors:,} reported, {fmt.exactly(node.aborted, 'step')} aborted", "failed"))
    return lines


def _neighbours(title: str, near: Sequence[str], far: Sequence[str], facts: NodeFacts, glyphs: Glyphs) -> list[Line]:
    if not near and not far:
        return []
    lines = heading(f"{title} {len(near)}" + (f", and {len(far)} through them" if far else ""))
    listed = [(node_id, "text") for node_id in near] + [(node_id, "muted") for node_id in far]
    for node_id, role in listed[:SHOWN]:
        node = facts.around.get(node_id) or Node(node_id, born=0)
        circle = f" {glyphs('loop')}" if node_id in facts.circle else ""
        lead = f"{glyphs(node.status or 'placeholder')} {clean(node.nid or '?', 12):<4}{circle} "
        goal = clean(node.wording or node.node_id, 120)
        lines.append(Line((Cell(lead, status_role(node.status)), Cell(goal, role)), len(lead)))
    if len(listed) > SHOWN:
        lines.append(line(f"and {len(listed) - SHOWN} more", "faint"))
    return lines


def _history(history: Sequence[Stored], run: Run, glyphs: Glyphs) -> list[Line]:
    if not history:
        return []
    start, lines, last = run.started or 0.0, heading("Status history"), None
    for stored in history:
        status, time = stored.status or "", stored.event.time
        after = "" if last is None else f"after {fmt.duration(max(time - last, 0.0))}"
        lines.append(
            Line(
                (
                    Cell(f"{fmt.offset(time - start):>9}  ", "faint"),
                    Cell(f"{glyphs(status)} {clean(status, 30):<18}", status_role(status)),
                    Cell(after, "muted"),
                )
            )
        )
        last = time
    return lines
