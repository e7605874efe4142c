"""Versions: nodes as they were at checkpoints. A version does not repeat what is in the row of its node or step.

The row of a node has its id, and its description: what its last node_created says. If the node is created again, older
versions do not match their checksums any more. Their description is then read from the last node_created before them.
The row of a step gives the step at any position, see `Span.at`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from zlib import crc32

import msgspec
from msgspec import Struct

from store.database.rows import STEP_OF_NODE, Row, complete_calls, step_from_row, without_step
from store.model.lazy_mapping import LazyMapping
from store.model.state import Node

_DESCRIPTION = "created", "node_type", "task_type", "goal", "layer"
"""Fields of a node that only node_created sets."""

_description = attrgetter(*_DESCRIPTION)

SELECT_VERSIONS = (
    f"SELECT n.key, n.node_id, v.data, {', '.join(f'n.{name}' for name in _DESCRIPTION)}, {STEP_OF_NODE} FROM node n"
    " LEFT JOIN version v ON v.node = n.key"
    " AND v.position = (SELECT max(position) FROM version WHERE node = n.key AND position <= ?1)"
    " LEFT JOIN span s ON s.run = n.run AND s.born = v.step WHERE"
)
"""The newest version up to position ?1 of each node. To be followed by a condition on the node `n`."""

_STEP_AT = 3 + len(_DESCRIPTION)
"""Column of SELECT_VERSIONS at which the step begins."""

_encode = msgspec.msgpack.Encoder().encode


class _Version(Struct, array_like=True):
    """A node at a position, without what is in its row."""

    node: Node
    outer: int | None
    """Key of the parent."""
    root: int | None
    """Key of the root."""
    described: int | None
    """Checksum of the description; None before the first node_created."""


_decode_version = msgspec.msgpack.Decoder(_Version).decode


def version_to_row(node: Node, key_of: Callable[[str], int]) -> tuple[int | None, bytes]:
    """The columns `step` and `data` of a version."""
    rest, described = without_step(node), None
    rest.node_id, rest.outer, rest.root = "", None, None
    if node.created is not None:
        described = _checksum(_description(node))
        rest.created = rest.node_type = rest.task_type = rest.goal = rest.layer = None
    outer, root = (None if node_id is None else key_of(node_id) for node_id in (node.outer, node.root))
    return None if node.step is None else node.step.born, _encode(_Version(rest, outer, root, described))


def versions_from_rows(
    rows: Sequence[Row], position: int, node_ids: LazyMapping[int, str], describe: Callable[[int], Node]
) -> list[Node | None]:
    """The nodes of rows of SELECT_VERSIONS for a position; None for a node without a version.

    `describe` returns the node with a key as described by its last node_created before the version.
    """
    versions = [None if row[2] is None else _decode_version(row[2]) for row in rows]
    found = [version for version in versions if version is not None]
    node_ids.prefetch(key for version in found for key in (version.outer, version.root) if key is not None)
    id_of = partial(dict.get, node_ids)
    nodes: list[Node | None] = []
    for row, version in zip(rows, versions, strict=True):
        if version is None:
            nodes.append(None)
            continue
        node, description = version.node, row[3:_STEP_AT]
        node.node_id = row[1]
        if node.calls or node.orphans:
            complete_calls(node)
        step = step_from_row(row[_STEP_AT:])
        node.step = None if step is None else step.at(position)
        node.outer, node.root = id_of(version.outer), id_of(version.root)
        if version.described is not None:
            if _checksum(description) != version.described:
                description = _description(describe(row[0]))
            node.created, node.node_type, node.task_type, node.goal, node.layer = description
        nodes.append(node)
    return nodes


def _checksum(description: Sequence[object]) -> int:
    return crc32(_encode(description))
