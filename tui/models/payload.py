"""The payload of an event as lines for the inspector, by event type instead of as JSON. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tui import format as fmt
from tui.models.columns import Cell
from tui.models.lines import Line, fact, heading, line, prose
from tui.text import clean
from tui.theme import TASKS, task_name

TASK_TYPE_ALIASES = {"analyze": "think", "analysis": "think"}
"""Task types in published plans, by the alias that some planners use."""

Payload = Mapping[str, Any]


def payload_of(body: bytes) -> Payload:
    """The payload in a published body; empty if there is none."""
    try:
        payload = json.loads(body)["payload"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}
    return payload if isinstance(payload, dict) else {}


def text_of(value: object) -> str:
    """A value in one cleaned line; JSON if it is not a text."""
    return clean(string_of(value), 4_000)


def string_of(value: object) -> str:
    """A value as it is; JSON if it is not a text."""
    return value if isinstance(value, str) else _json(value, None)


def _json(value: object, indent: int | None = 2) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    except RecursionError:  # encoding needs more stack than decoding
        return "(nested too deeply to be shown; v shows the event as published)"


def section(title: str, value: object) -> list[Line]:
    """A heading and a value beneath it; nothing if the value is empty."""
    if value in (None, "", [], {}):
        return []
    return [*heading(title), *prose(value if isinstance(value, str) else _json(value))]


def plan_lines(payload: Payload, title: str = "Plan") -> list[Line]:
    """The tasks of a plan, one line each, with their prerequisites. Subtasks are indented."""
    tasks = payload.get("raw_plan")
    if not tasks:
        return [*heading(title), line("An empty plan: the task is small enough to be done as it is.", "muted")]
    if not isinstance(tasks, list):
        return section(title, tasks)
    return [*heading(f"{title}, {fmt.exactly(len(tasks), 'task')}"), *_tasks(tasks, 0)]


def _tasks(tasks: object, depth: int) -> Iterable[Line]:
    waiting = [(task, depth) for task in reversed(tasks)] if isinstance(tasks, list) else []
    while waiting:
        task, depth = waiting.pop()
        if not isinstance(task, dict):
            yield line("  " * depth + text_of(task))
            continue
        kind = text_of(task.get("task_type", "?"))
        role = next((role for name, role in TASKS.values() if name == TASK_TYPE_ALIASES.get(kind, kind)), "text")
        needs = task.get("dependency") or []
        after = f"  after {', '.join(map(text_of, needs))}" if isinstance(needs, list) and needs else ""
        length = f"  {text_of(task['length'])}" if task.get("length") else ""
        name = clean(string_of(task.get("id", "")), 12)
        lead = f"{'  ' * depth}{name:<5} "
        yield Line(
            (
                Cell(lead, "label"),
                Cell(f"{clean(kind, 12):<6} ", role),
                Cell(text_of(task.get("goal", "")), "text"),
                Cell(f"{length}{after}", "muted"),
            ),
            len(lead) + 7,
        )
        inner = task.get("sub_tasks")
        waiting += [(task, depth + 1) for task in reversed(inner)] if isinstance(inner, list) else []


def _llm_started(payload: Payload) -> list[Line]:
    lines = [fact("model", text_of(payload.get("model", "?")))]
    messages = payload.get("prompt")
    if not isinstance(messages, list):
        return [*lines, *section("Prompt", messages or _published(payload.get("prompt_preview"), PREVIEW_CHARACTERS))]
    for message in messages:
        role = message.get("role", "?") if isinstance(message, dict) else "?"
        content = message.get("content", "") if isinstance(message, dict) else message
        lines += section(f"Prompt · {text_of(role)}", content)
    return lines


PROMPT_LINES_MAX = 5
"""Lines of a prompt, before wrapping, that are shown beside an error."""


def call_lines(kind: str, payload: Payload, whole: bool) -> list[Line]:
    """What a call was made with: the arguments of a tool; the prompt of a model, `whole` or only its last message."""
    if kind == "tool":
        return section("Arguments", _published(payload.get("args_summary")))
    lines = _llm_started(payload)
    if whole:
        return lines
    last = max((at for at, one in enumerate(lines) if one.cells and one.cells[0].role == "heading"), default=0)
    shown = lines[last : last + PROMPT_LINES_MAX]
    return [Line(), *shown, *([line("... (the call has all of it)", "faint")] if last + len(shown) < len(lines) else [])]


def _llm_completed(payload: Payload) -> list[Line]:
    usage = payload.get("token_usage")
    lines = [fact("model", text_of(payload.get("model", "?")))]
    if isinstance(usage, dict):
        spent = ", ".join(f"{clean(str(name), 40).replace('_', ' ')} {text_of(value)}" for name, value in usage.items())
        lines.append(fact("tokens", spent))
    else:
        lines.append(fact("tokens", f"{fmt.UNKNOWN}, not published", "faint"))
    return [
        *lines,
        *_call_error(payload),
        *section("Response", payload.get("response") or _published(payload.get("result_summary"))),
    ]


def _tool(payload: Payload) -> list[Line]:
    lines = [fact("tool", f"{text_of(payload.get('tool_name', '?'))}.{text_of(payload.get('api_name', '?'))}")]
    if payload.get("state"):
        state = text_of(payload["state"])
        lines.append(fact("state", state, "failed" if state.endswith("_ERROR") else "done"))
    arguments, result = _published(payload.get("args_summary")), _published(payload.get("result_summary"))
    return [*lines, *_call_error(payload), *section("Arguments", arguments), *section("Result", result)]


def _call_error(payload: Payload) -> list[Line]:
    error = payload.get("error")
    return [*heading("Error"), *prose(text_of(error), "failed")] if error else []


SUMMARY_CHARACTERS, PREVIEW_CHARACTERS = 500, 200
"""Number of characters after which agents cut a summary, and the preview of a prompt. They append "..." in any case."""


def _published(text: object, limit: int = SUMMARY_CHARACTERS) -> object:
    """A text without the dots that agents append; a text that they cut is marked as cut."""
    if not isinstance(text, str):
        return text
    if len(text) < limit + len("..."):
        return text.removesuffix("...")
    return f"{text}\n(only the first {limit} characters were published)"


def _result(payload: Payload) -> list[Line]:
    return [fact("of", text_of(payload.get("action_name", "?"))), *section("Result", result_text(payload))]


_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
"""Characters as JSON writes them in ASCII."""


def result_text(payload: Payload) -> str:
    """A published result, decoded if it is complete JSON. Most are JSON that was cut."""
    summary = payload.get("result_summary")
    if not isinstance(summary, str):
        return "" if summary is None else _json(summary)
    try:
        value = json.loads(summary.removesuffix("..."))
    except (ValueError, RecursionError):
        text = str(_published(summary)).replace("\\n", "\n").replace('\\"', '"')
        return _ESCAPES.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
    return value if isinstance(value, str) else _json(value)


def _created(payload: Payload) -> list[Line]:
    name, role = task_name(string_of(payload.get("task_type", "?")))
    declared = payload.get("initial_parent_nids")
    lines = [
        fact("kind", text_of(payload.get("node_type", "?"))),
        fact("task", clean(name, 20), role),
        fact("layer", text_of(payload.get("layer", "?"))),
    ]
    if isinstance(declared, list) and declared:
        lines.append(fact("declared", f"prerequisites {', '.join(map(text_of, declared))}"))
    return [*lines, *section("Goal", payload.get("task_goal"))]


def _error(payload: Payload) -> list[Line]:
    message = prose(string_of(payload.get("error_message", "")), "failed")
    lines = [*heading(text_of(payload.get("error_type", "Error"))), *message]
    return [*lines, *section("Stack trace", payload.get("stack_trace")), *section("Context", payload.get("context"))]


def _goal(payload: Payload) -> list[Line]:
    return section("Goal", payload.get("node_goal"))


def _any(payload: Payload) -> list[Line]:
    """The fields of a payload, one after the other."""
    lines = heading("Payload") if payload else []
    for name, value in payload.items():
        if isinstance(value, dict | list) and value:
            lines += [line(clean(str(name), 40), "muted"), *prose(_json(value), indent=2)]
        else:
            lines.append(fact(clean(str(name), 40), text_of(value), width=20))
    return lines


_DETAILS: dict[str, Callable[[Payload], list[Line]]] = {
    "run_error": _error,
    "step_started": _goal,
    "node_status_changed": _goal,
    "step_finished": lambda payload: [fact("action", text_of(payload.get("action_name", "?")))],
    "node_created": _created,
    "plan_received": plan_lines,
    "node_result_available": _result,
    "llm_call_started": _llm_started,
    "llm_call_completed": _llm_completed,
    "tool_invoked": _tool,
    "tool_returned": _tool,
}


def payload_lines(event_type: str, payload: Payload) -> list[Line]:
    """The payload of an event of this type; its fields if the type is unknown."""
    return _DETAILS.get(event_type, _any)(payload)
