"""Events as rows. Facts that are summed, filtered or shown in lists have columns; the others are one JSON array.

The array has the other fields in the order of their declaration, without empty ones at the end. Nodes are given by the keys
of their rows, and the subject by the column `node` alone. Columns and array follow from the declared fields of the facts.
Once a version of the file is released, a new field must be the last one of its record.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from msgspec import Raw, Struct, defstruct
from msgspec.structs import FieldInfo, asdict, astuple, fields

from store.database.rows import Row
from store.database.statement import batched, placeholders
from store.model.event import Event
from store.model.event_type import TYPES, Other, TokenUsage
from store.model.facts import Facts, Id
from store.model.lazy_mapping import LazyMapping
from store.model.price import Price

_COLUMN_OF = {
    "step": "step",
    "agent_class": "label",
    "tool_name": "label",
    "action_name": "label",
    "model": "model",
    "duration_seconds": "duration",
    "prompt_tokens": "tokens_in",
    "completion_tokens": "tokens_out",
    "error": "error",
    "error_message": "error",
}
"""The column of each fact that has one. Tokens are fields of `token_usage`."""

FACT_COLUMNS = tuple(dict.fromkeys(_COLUMN_OF.values()))
EVENT_COLUMNS = (
    *("seq", "run", "position", "type", "node", "named", "time", "skew", "stream", "ms", "number", "event_id", "identity"),
    *("guessed", "inferred", "failed", "turn", "old_status", "status", "price", "priced_as"),
    *(*FACT_COLUMNS, "facts"),
)
"""Columns of an event. Its row is a plain tuple in this order: SQLite binds a named tuple at half the speed."""

_USAGE = "token_usage"
_NODE_LIST = "node_ids"
_FACTS_AT = 8
"""Number of columns of `select_event` before FACT_COLUMNS."""

_encode = msgspec.json.Encoder().encode


def select_event(run_id: str = "NULL", event_id: str = "e.event_id") -> str:
    """Columns of an event `e` for `EventReader`. `run_id`, `event_id`: expressions for what was published."""
    columns = ", ".join(f"e.{column}" for column in FACT_COLUMNS)
    node = "CASE WHEN e.named THEN e.node END"
    return f"e.type, {event_id}, e.time, {run_id}, e.skew, {node}, e.price, e.priced_as, {columns}, e.facts"


_FACTS_END = _FACTS_AT + len(FACT_COLUMNS)
EVENT_WIDTH = _FACTS_END + 1
"""Number of columns of `select_event`."""


class EventReader:
    """Makes events of rows that begin with the columns of `select_event`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.node_ids: LazyMapping[int, str] = LazyMapping(self._load_node_ids)
        """Ids of nodes by the keys of their rows."""
        self._types: LazyMapping[int, tuple[str, _Codec]] = LazyMapping(self._load_types)

    def trim(self, size: int) -> None:
        """Empty the caches if they have more entries than this."""
        if len(self.node_ids) + len(self._types) > size:
            self.node_ids.clear()
            self._types.clear()

    def read(self, rows: Sequence[Row]) -> list[Event]:
        """The events of these rows."""
        self._types.prefetch([row[0] for row in rows])
        parsed = []
        wanted: list[Any] = []
        for row in rows:
            name, codec = self._types[row[0]]
            rest = astuple(codec.parse(row[_FACTS_END]))
            parsed.append((row, name, codec, rest))
            wanted.append(row[5])
            if codec.nodes:
                wanted += [rest[at] for at in codec.nodes]
            if codec.node_list is not None:
                wanted += rest[codec.node_list] or ()
        self.node_ids.prefetch([key for key in wanted if type(key) is int])
        id_of = partial(dict.get, self.node_ids)
        return [
            Event(
                event_id_from_row(row[1]),
                name,
                row[2],
                row[3],
                codec.facts(rest, id_of(row[5]), row[_FACTS_AT:_FACTS_END], id_of),
                row[4],
                price_from_row(row[6], row[7]),
            )
            for row, name, codec, rest in parsed
        ]

    def _load_node_ids(self, keys: list[int]) -> dict[int, str]:
        return self._load("SELECT key, node_id FROM node WHERE key IN ({})", keys)

    def _load_types(self, keys: list[int]) -> dict[int, "tuple[str, _Codec]"]:
        names = self._load("SELECT key, name FROM event_type WHERE key IN ({})", keys)
        return {key: (name, _codecs.get(name, _other)) for key, name in names.items()}

    def _load(self, sql: str, keys: list[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for part in batched(keys):
            found.update(self._db.execute(sql.format(placeholders(part)), part).fetchall())
        return found


def facts_to_row(facts: Facts, keys: Mapping[str, int]) -> tuple[Any, ...]:
    """The values of FACT_COLUMNS and `facts`. `keys`: keys of nodes by id; a node without one is stored by its id."""
    return _by_kind[type(facts)].to_row(facts, keys)


def price_from_row(dollars: float | None, model: str | None) -> Price | None:
    """The price in the columns `price` and `priced_as`."""
    return None if dollars is None or model is None else Price(dollars, model)


def event_id_to_row(event_id: str) -> str | bytes:
    """A UUID in canonical form as its 16 bytes, any other id unchanged."""
    if len(event_id) != 36 or event_id[8:24:5] != "----":
        return event_id
    digits = event_id.replace("-", "")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return event_id
    return data if len(data) == 16 and data.hex() == digits else event_id


def event_id_from_row(value: str | bytes) -> str:
    """The inverse of `event_id_to_row`."""
    if isinstance(value, str):
        return value
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _stripped(values: list[Any]) -> list[Any]:
    """Remove empty values at the end."""
    while values and (values[-1] is None or values[-1] is False):
        values.pop()
    return values


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """A function that returns the values at these places."""
    if len(places) > 1:
        return itemgetter(*places)
    first = slice(places[0], places[0] + 1) if places else slice(0)
    return lambda values: values[first]


def _array(name: str, infos: Sequence[FieldInfo], types: Mapping[str, Any]) -> type[Struct]:
    """A record of some fields that is encoded as an array. `types`: types of fields that differ from the declared ones."""
    found: list[Any] = [(info.name, types.get(info.name, info.type), info.default) for info in infos]
    return defstruct(name, found, array_like=True, gc=False)


class _Codec:
    """Converts the facts of one type."""

    def __init__(self, kind: type[Facts]) -> None:
        infos = fields(kind)
        names = [info.name for info in infos]
        subject, references = kind.node_fields[0], {*kind.node_fields, kind.root_field}
        rest = [info for info in infos if not (info.name in _COLUMN_OF or info.name == subject or info.type is Raw)]
        rest_names = [info.name for info in rest]
        self._kind = kind
        self.nodes = [at for at, name in enumerate(rest_names) if name in references]
        """Places in the array that hold a node."""
        self.node_list = rest_names.index(_NODE_LIST) if _NODE_LIST in rest_names else None
        """Place in the array that holds a list of nodes."""
        self._usage = rest_names.index(_USAGE) if _USAGE in rest_names else None
        self._is_plain = not self.nodes and self.node_list is None and self._usage is None

        sources = [*names, None, *(() if self._usage is None else _TOKENS)]
        places = {_COLUMN_OF[name]: at for at, name in enumerate(sources) if name in _COLUMN_OF}
        self._columns = _picker([places.get(column, len(names)) for column in FACT_COLUMNS])
        self._rest = _picker([names.index(name) for name in rest_names])

        types: dict[str, Any] = {name: Id for name in rest_names if name in references}
        types[_USAGE] = _UsageRest | None
        self.parse: Callable[[str], Struct] = msgspec.json.Decoder(_array(kind.__name__, rest, types)).decode
        """Decode the column `facts`."""
        stored = [*rest_names, subject, *FACT_COLUMNS, None]
        self._values = _picker(
            [stored.index(name if name in rest_names or name == subject else _COLUMN_OF.get(name)) for name in names]
        )
        self._unstored = next((info.default for info in infos if info.type is Raw), None)

    def to_row(self, facts: Facts, keys: Mapping[str, int]) -> tuple[Any, ...]:
        """The values of the columns, and the rest as JSON."""
        values = (*astuple(facts), None)
        rest = list(self._rest(values))
        if self._is_plain:
            return (*self._columns(values), _encode(_stripped(rest)).decode())
        if self._usage is not None:
            usage = rest[self._usage]
            values += _NO_TOKENS if usage is None else _tokens(usage)
            if usage is not None:
                rest[self._usage] = _stripped(list(_usage_rest(usage)))
        for at in self.nodes:
            if (node_id := rest[at]) is not None:
                rest[at] = keys.get(node_id, node_id)
        if self.node_list is not None and rest[self.node_list] is not None:
            rest[self.node_list] = [keys.get(node_id, node_id) for node_id in rest[self.node_list]]
        return (*self._columns(values), _encode(_stripped(rest)).decode())

    def facts(
        self, rest: Sequence[Any], subject: str | None, columns: Sequence[Any], id_of: Callable[[int], str | None]
    ) -> Facts:
        """The inverse of `to_row`. `rest`: the values of the column `facts`. `columns`: those of FACT_COLUMNS."""
        if self._is_plain:
            return self._kind(*self._values((*rest, subject, *columns, self._unstored)))
        values = list(rest)
        for at in self.nodes:
            if type(key := values[at]) is int:
                values[at] = id_of(key)
        if self.node_list is not None and values[self.node_list] is not None:
            values[self.node_list] = [id_of(key) if type(key) is int else key for key in values[self.node_list]]
        if self._usage is not None and (usage := values[self._usage]) is not None:
            tokens = dict(zip(_TOKENS, columns[_TOKENS_AT], strict=True))
            values[self._usage] = TokenUsage(**tokens, **asdict(usage))
        return self._kind(*self._values((*values, subject, *columns, self._unstored)))


_TOKENS = tuple(name for name in TokenUsage.__struct_fields__ if name in _COLUMN_OF)
_TOKENS_AT = slice(FACT_COLUMNS.index("tokens_in"), FACT_COLUMNS.index("tokens_out") + 1)
_NO_TOKENS = (None,) * len(_TOKENS)
_other_usage = [info for info in fields(TokenUsage) if info.name not in _COLUMN_OF]
_tokens = attrgetter(*_TOKENS)
_usage_rest = attrgetter(*(info.name for info in _other_usage))
_UsageRest = _array("UsageRest", _other_usage, {})

_codecs = {name: _Codec(kind) for name, kind in TYPES.items()}
_other = _Codec(Other)
_by_kind: dict[type[Facts], _Codec] = {Other: _other, **{TYPES[name]: codec for name, codec in _codecs.items()}}
