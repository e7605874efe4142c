"""Runs and trees on standard output, for people and for scripts."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from store.checkup import Finding, check_file, check_host, check_redis
from store.record import RunRow
from store.state import Node, Run, RunState
from tui import format as fmt
from tui.models import summary
from tui.models.columns import pad
from tui.text import clean
from tui.theme import Glyphs, node_mark, task_name


def runs_text(rows: Sequence[RunRow]) -> str:
    """A table, one line for each run."""
    now = time.time()
    if not rows:
        return "no runs yet"
    titles = ("RUN", "WHEN", "STATUS", "NODES", "TIME", "EVENTS", "TOKENS", "ERR", "GOAL")
    table = [titles] + [
        (
            clean(row.run.run_id),
            fmt.moment(row.run.started, now),
            summary.run_ended(row.run, now),
            f"{row.run.finished}/{row.run.nodes}",
            fmt.duration(summary.elapsed(row.run, now)),
            fmt.count(row.run.events),
            fmt.count(summary.total(row.run.tokens_in, row.run.tokens_out)),
            str(row.run.errors + row.run.aborted),
            clean(row.run.goal or "", 100),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(titles))]
    right = (3, 4, 5, 6, 7)
    lines = ("  ".join(pad(text, widths[at], at in right) for at, text in enumerate(line)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def runs_json(rows: Sequence[RunRow]) -> str:
    """An array of run rows."""
    return _json([{**_run(row.run), "bytes": row.bytes, "gaps": row.gaps} for row in rows])


def run_json(state: RunState) -> str:
    """The run, its nodes in the order of the tree, its edges, and counts."""
    return _json(
        {
            "run": _run(state.run),
            "nodes": [_node(node, depth) for node, depth, _ in _walk(state)],
            "edges": [
                {
                    "owner": edge.key.owner,
                    "parent": edge.key.parent,
                    "child": edge.key.child,
                    "parent_nid": edge.parent_nid,
                    "child_nid": edge.child_nid,
                }
                for edge in state.edges.values()
            ],
            "counts": {
                "events": state.run.events,
                "nodes": state.run.nodes,
                "finished": state.run.finished,
                "edges": state.run.edges,
                "steps": state.run.steps,
                "aborted": state.run.aborted,
                "llm_calls": state.run.llm_calls,
                "tool_calls": state.run.tool_calls,
                "errors": state.run.errors,
            },
        }
    )


def run_text(state: RunState, ascii_only: bool, past: bool = False) -> str:
    """The tree, one line for each node, under a line about the run; `past`: as it was at its last event."""
    glyphs, run = Glyphs(ascii_only), state.run
    now = (run.latest or 0.0) if past else time.time()
    dot = f" {glyphs('dot')} "
    facts = (
        summary.run_ended(run, now),
        f"{run.finished}/{run.nodes} nodes finished",
        fmt.duration(summary.elapsed(run, now)),
        f"{run.events} events",
        f"{run.llm_calls} llm",
        f"{run.tool_calls} tool",
        f"{summary.tokens(run.tokens_in, run.tokens_out)} tokens",
        f"{run.errors + run.aborted} errors",
    )
    lines = [f"{clean(run.goal or run.run_id)}", f"{clean(run.run_id)}{dot}{dot.join(facts)}", ""]
    for node, _, guides in _walk(state, glyphs):
        mark, _ = node_mark(node)
        nid = clean(node.nid, 20) if node.nid else "" if node.nid == "" else "?"
        own = summary.own_time(node, run.latest or now)
        parts = (
            nid,
            clean(node.wording or f"(not announced yet) {node.node_id}", 120),
            f"[{clean(task_name(node.task_type)[0] or '?', 30)} {clean(node.status or 'unknown', 30)}]",
            "" if own is None else fmt.duration(own),
            f"{glyphs('error')}{node.errors + node.aborted}" if node.errors or node.aborted else "",
        )
        lines.append(f"{guides}{glyphs(mark)} {' '.join(filter(None, parts))}")
    return "\n".join(lines)


def examine(path: Path, url: str, stream: str, deep: bool) -> list[Finding]:
    """Everything that `treetop doctor` looks at."""
    return [*check_redis(url, stream), *check_file(path, deep), *check_host(path), *_check_terminal()]


def _check_terminal() -> Iterator[Finding]:
    term, size = os.environ.get("TERM", ""), shutil.get_terminal_size()
    colours = os.environ.get("COLORTERM") or ("none: NO_COLOR is set" if os.environ.get("NO_COLOR") else "as TERM says")
    inside = ", inside tmux" if os.environ.get("TMUX") else ", inside screen" if term.startswith("screen") else ""
    yield Finding("terminal", f"TERM={term or 'not set'}, {size.columns}x{size.lines}, colours {colours}{inside}")
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        yield Finding(
            "terminal", f"its encoding is {encoding or 'unknown'}: only ASCII will be drawn; set LANG to a UTF-8 locale"
        )
    if term in ("", "dumb"):
        yield Finding("terminal", "the screens can not be drawn here; the other commands work", well=False)


def findings_text(findings: Sequence[Finding], ascii_only: bool) -> str:
    """A line for each finding, those that are not well marked."""
    glyphs = Glyphs(ascii_only)
    lines = [f"{glyphs('completed' if found.well else 'error')} {found.about:<9} {clean(found.text)}" for found in findings]
    wrong = sum(not found.well for found in findings)
    return "\n".join([*lines, "", f"{wrong} of {len(findings)} findings need a look" if wrong else "all is well"])


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)


def _run(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "goal": run.goal,
        "mode": run.mode,
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "latest": _iso(run.latest),
        "events": run.events,
        "nodes": run.nodes,
        "finished": run.finished,
        "edges": run.edges,
        "steps": run.steps,
        "aborted": run.aborted,
        "llm_calls": run.llm_calls,
        "tool_calls": run.tool_calls,
        "tokens_in": run.tokens_in,
        "tokens_out": run.tokens_out,
        "errors": run.errors,
        "error": run.error,
        "roots": list(run.roots),
    }


def _node(node: Node, depth: int) -> dict[str, Any]:
    return {
        "id": node.node_id,
        "nid": node.nid,
        "parent": node.outer,
        "depth": depth,
        "type": node.node_type,
        "task_type": node.task_type,
        "goal": node.goal if node.goal is not None else node.latest_goal,
        "latest_goal": node.latest_goal,
        "status": node.status,
        "placeholder": node.placeholder,
        "started": _iso(node.started),
        "finished": _iso(node.finished),
        "busy_seconds": node.busy,
        "events": node.events,
        "steps": node.steps,
        "aborted": node.aborted,
        "llm_calls": node.llm_calls,
        "tool_calls": node.tool_calls,
        "tokens_in": node.tokens_in,
        "tokens_out": node.tokens_out,
        "errors": node.errors,
    }


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _walk(state: RunState, glyphs: Glyphs | None = None) -> Iterator[tuple[Node, int, str]]:
    """The nodes in the order of the tree, with their depth and, where glyphs are given, the guides before them."""
    children: dict[str | None, list[Node]] = {}
    for node in sorted(state.nodes.values(), key=lambda node: node.born):
        children.setdefault(node.outer, []).append(node)
    waiting = [(node, 0, "", "") for node in reversed(children.get(None, []))]
    while waiting:
        node, depth, before, own = waiting.pop()
        yield node, depth, before + own
        below = before + (
            "" if glyphs is None or not own else glyphs("guide-off" if own == glyphs("guide-end") else "guide-on")
        )
        inner = children.get(node.node_id, [])
        for at, child in enumerate(reversed(inner)):
            guide = "" if glyphs is None else glyphs("guide-tee" if at else "guide-end")
            waiting.append((child, depth + 1, below, guide))
