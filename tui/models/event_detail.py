"""One event as lines for the inspector: type, time, task and payload. Pure."""

import json
import re

from store.model.event import Event
from store.model.event_type import LlmCallCompleted, ToolReturned
from store.model.record import Stored
from store.model.state import Node
from tui import format as fmt
from tui.models.columns import Cell
from tui.models.lines import Line, fact, heading, line, prose
from tui.models.name import task_name
from tui.models.payload import Payload, payload_lines, payload_of, text_of
from tui.models.summary import skew
from tui.text import clean
from tui.theme import Glyphs, event_name, status_role

FORMATTED_MAX_BYTES = 2_000_000
"""Size of a body, in bytes, above which it is not parsed. Only this many bytes of it are shown, as text."""

INFERRED = {
    1: "the run: the event names none, and several were open",
    2: "the task: the event names none, its step was open",
    3: "run and task: the event names neither, this step was open",
}
"""By `Stored.inferred`: what was inferred, and from what."""


def event_lines(stored: Stored, body: bytes, node: Node | None, start: float, glyphs: Glyphs) -> list[Line]:
    """One event about `node`, with times counted from `start`."""
    event = stored.event
    name, role = event_name(event.type)
    lines = [
        Line((Cell(f"{glyphs.event(event.type)} {clean(name, 40)}", role), Cell(f"  {clean(event.type, 60)}", "faint"))),
        fact("when", f"{fmt.clock(event.time)}   +{fmt.offset(event.time - start)}"),
    ]
    if event.skew is not None:
        lines.append(fact("clock", f"{skew(event.skew)}; the time above is that of arrival", "failed"))
    if node is not None:
        lines.append(
            fact(
                "task",
                f"{clean(task_name(stored.nid, stored.outer_nid), 20)}  {clean(node.current_goal or node.node_id, 60)}",
            )
        )
    if stored.inferred:
        lines.append(fact("inferred", INFERRED[stored.inferred], "doing"))
    if stored.status is not None:
        lines.append(_status_line(stored, glyphs))
    if event.facts.step is not None:
        lines.append(fact("step", str(event.facts.step)))
    if event.facts.duration is not None:
        lines.append(fact("took", fmt.duration(event.facts.duration)))
    lines += _cost(event)
    if len(body) > FORMATTED_MAX_BYTES:
        lines += [Line(), line(f"{fmt.size(len(body))}: too large to be formatted; its beginning:", "muted")]
        return [*lines, *prose(body[:FORMATTED_MAX_BYTES].decode("utf-8", "replace"))]
    payload = payload_of(body)
    return [*lines, *payload_lines(event.type, payload), *_origin(stored, payload)]


def _cost(event: Event) -> list[Line]:
    """What the call cost that an event ends, and how that is known."""
    facts = event.facts
    if isinstance(facts, LlmCallCompleted | ToolReturned) and facts.cost is not None:
        return [fact("cost", f"{fmt.dollars(facts.cost)}, as published")]
    if event.price is not None:
        return [fact("cost", f"{fmt.dollars(event.price.dollars)}, priced as {clean(event.price.model, 100)}")]
    if not isinstance(facts, LlmCallCompleted):
        return []
    usage = facts.token_usage
    known = usage is not None and None not in (usage.prompt_tokens, usage.completion_tokens)
    why = f"no price is known for {clean(facts.model or 'this model', 60)}" if known else "no tokens published"
    return [fact("cost", f"{fmt.UNKNOWN}, {why}", "faint")]


def _origin(stored: Stored, payload: Payload) -> list[Line]:
    context = [
        fact(name.replace("_", " "), text_of(payload[name]), "muted", 16)
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


def raw_lines(body: bytes) -> list[Line]:
    """The body as published, indented if it is JSON."""
    if len(body) <= FORMATTED_MAX_BYTES:
        try:
            text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
            return [_json_line(part.cells[0].text) for part in prose(text)]
        except (ValueError, RecursionError):
            pass
    return prose(body[:FORMATTED_MAX_BYTES].decode("utf-8", "replace"))


_JSON_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(: ?)(.*)$')


def _json_line(text: str) -> Line:
    found = _JSON_KEY.match(text)
    if not found:
        return line(text, "text", len(text) - len(text.lstrip()) + 2)
    indent, key, colon, value = found.groups()
    role = "text" if value.startswith('"') else "muted" if value in "{[" else "doing"
    return Line((Cell(indent), Cell(key, "label"), Cell(colon, "faint"), Cell(value, role)), len(indent) + 2)
