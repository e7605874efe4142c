"""Conversion of records of the model to rows of the file, and back.

A table has one column for each field of its record. A new field needs one line in the record and one in `schema.sql`. The
declared type of a field determines the conversion: numbers and texts are stored unchanged; other values are stored as JSON,
or as NULL if they are empty. A field that has another name than its column is declared as `msgspec.field(name=COLUMN)`.
"""

from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import FieldInfo, astuple, fields, force_setattr, replace

from store.model.record import Mark
from store.model.span import Kind, Span
from store.model.state import Edge, EdgeKey, Node, Run

Row = Sequence[Any]
R = TypeVar("R", bound=msgspec.Struct)

_encode_json = msgspec.json.encode
_SCALARS = int, float, str, NoneType


class Codec(Generic[R]):
    """Converts the records of one type. Their rows have one value for each of `columns`."""

    def __init__(self, record: type[R]) -> None:
        found = fields(record)
        self._record = record
        self.columns = tuple(info.encode_name for info in found)
        """Names of the columns, in the order of the fields."""
        self.column_list = ", ".join(self.columns)
        self._bools = [at for at, info in enumerate(found) if info.type is bool]
        self._json = [(at, *_json_decoder(info)) for at, info in enumerate(found) if _is_json(info)]

    def to_row(self, record: R) -> list[Any]:
        """The values of the columns."""
        row = list(astuple(record))
        for at, _, _ in self._json:
            value = row[at]
            row[at] = _encode_json(value).decode() if value else None
        return row

    def from_row(self, row: Row) -> R:
        """The inverse of `to_row`."""
        values = list(row)
        for at in self._bools:
            values[at] = bool(values[at])
        for at, decode, empty in self._json:
            values[at] = empty() if values[at] is None else decode(values[at])
        return self._record(*values)


def _is_json(info: FieldInfo) -> bool:
    kinds = get_args(info.type) if isinstance(info.type, UnionType) else (info.type,)
    return not all(isinstance(kind, type) and issubclass(kind, _SCALARS) for kind in kinds)


def _json_decoder(info: FieldInfo) -> tuple[Callable[[str], Any], Callable[[], Any]]:
    """The decoder of a column that holds JSON, and the value of NULL."""
    default = info.default
    empty = (lambda: default) if info.default_factory is msgspec.NODEFAULT else info.default_factory
    return msgspec.json.Decoder(info.type).decode, empty


RUN = Codec(Run)
NODE = Codec(Node)
SPAN = Codec(Span)
SPAN_COLUMNS = ("run", *("node" if column == "node_id" else column for column in SPAN.columns))

EDGE_COLUMNS = (*EdgeKey._fields, *Edge.__struct_fields__[1:])
CHECKPOINT_COLUMNS = Mark._fields
"""Columns of a checkpoint that the time axis shows. The others are `run` and `data`."""

_OUTER = NODE.columns.index("outer")
_STEP = NODE.columns.index("step")
_NODE_OF_SPAN = Span.__struct_fields__.index("node_id")
_SPAN_NODE = SPAN_COLUMNS.index("node")
_OTHER_TABLES = {"outer": "o.node_id", "step": "NULL"}
_NODE = ", ".join(_OTHER_TABLES.get(column, f"n.{column}") for column in NODE.columns)

_STEP_COLUMNS = "born", "label", "number", "began", "started", "aborted", "latest", "ended", "finished", "seconds", "failed"
STEP_OF_NODE = f"n.node_id, {', '.join(f's.{column}' for column in _STEP_COLUMNS)}"
"""Columns of the span `s` that is the step of the node `n`: those that steps have. For `step_from_row`."""

SELECT_RUN = f"SELECT key, generation, {RUN.column_list} FROM run WHERE run_id = ?"
SELECT_NODES = (
    f"SELECT n.key, n.outer, {_NODE}, {STEP_OF_NODE} FROM node n LEFT JOIN node o ON o.key = n.outer"
    " LEFT JOIN span s ON s.run = n.run AND s.born = n.step WHERE"
)
"""To be followed by a condition on the node `n`. For `node_from_row`."""
SELECT_SPANS = "SELECT node, {} FROM span LEFT JOIN node n ON n.key = node WHERE".format(
    ", ".join("n.node_id" if column == "node_id" else f"span.{column}" for column in SPAN.columns)
)
"""To be followed by a condition on the table `span`. For `span_from_row`."""
SELECT_SPANS_OF_RUN = "SELECT node, {} FROM span WHERE run = ?".format(
    ", ".join("NULL" if column == "node_id" else column for column in SPAN.columns)
)
"""To be followed by further conditions. For `span_from_row`, which then gives spans without ids of nodes."""
SELECT_EDGES = (
    "SELECT coalesce(o.node_id, ''), p.node_id, c.node_id, e.born, e.parent_nid, e.child_nid FROM edge e"
    " LEFT JOIN node o ON o.key = e.owner LEFT JOIN node p ON p.key = e.parent LEFT JOIN node c ON c.key = e.child"
    " WHERE e.run = ?"
)
"""To be followed by further conditions on the edge `e`. For `edge_from_row`."""


def node_to_row(node: Node, key_of: Callable[[str], int]) -> list[Any]:
    """The values of `NODE.columns`. The column `outer` holds the key of that node, and `step` refers to a row of `span`."""
    row = NODE.to_row(without_step(node))
    row[_OUTER] = None if node.outer is None else key_of(node.outer)
    row[_STEP] = None if node.step is None else node.step.born
    return row


def node_from_row(row: Row) -> Node:
    """The node of a row of SELECT_NODES."""
    end = 2 + len(NODE.columns)
    node = NODE.from_row(row[2:end])
    complete_calls(node)
    node.step = step_from_row(row[end:])
    return node


def step_from_row(row: Row) -> Span | None:
    """The span of the columns STEP_OF_NODE."""
    node_id, born, label, number, began, started, aborted, latest, ended, finished, seconds, failed = row
    if born is None:
        return None
    return Span(
        born,
        Kind.STEP,
        node_id,
        label,
        number=number,
        began=began,
        started=started,
        aborted=aborted,
        latest=latest,
        ended=ended,
        finished=finished,
        seconds=seconds,
        failed=failed == 1,
    )


def without_step(node: Node) -> Node:
    """A copy of a node to be encoded, without its step, which is in the table `span`.

    Its calls are lists without the id of the node and without empty last fields.
    """
    short: Any = replace(node)  # calls of another type than declared
    short.step = None
    if node.calls:
        short.calls = [_short(span) for span in node.calls]
    if node.orphans:
        short.orphans = [_short(span) for span in node.orphans]
    found: Node = short
    return found


def complete_calls(node: Node) -> None:
    """Give the calls of a decoded node their node."""
    for span in (*node.calls, *node.orphans):
        force_setattr(span, "node_id", node.node_id)


def _short(span: Span) -> list[Any]:
    values = list(astuple(span))
    values[_NODE_OF_SPAN] = None
    while values[-1] is None or values[-1] is False:
        values.pop()
    return values


def span_to_row(run: int, span: Span, key_of: Callable[[str], int]) -> Row:
    """The values of SPAN_COLUMNS."""
    row = [run, *astuple(span)]
    row[_SPAN_NODE] = None if span.node_id is None else key_of(span.node_id)
    return row


def span_from_row(row: Row) -> Span:
    """The span of a row of SELECT_SPANS."""
    return SPAN.from_row(row[1:])


def edge_to_row(edge: Edge, key_of: Callable[[str], int]) -> Row:
    """The values of EDGE_COLUMNS. Nodes are given by key; an empty owner by 0."""
    (owner, parent, child), *rest = astuple(edge)
    return (key_of(owner) if owner else 0, key_of(parent), key_of(child), *rest)


def edge_from_row(row: Row) -> Edge:
    """The edge of a row of SELECT_EDGES."""
    parts = len(EdgeKey._fields)
    return Edge(EdgeKey(*row[:parts]), *row[parts:])
