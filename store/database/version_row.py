"""Versions: nodes as they were at checkpoints. A version does not repeat what is in the row of its node.

The row of a node has its id, and its description: what its last node_created says. If the node is created again, older
versions do not match their checksums any more. Their description is then read from the last node_created before them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from zlib import crc32

import msgspec
from msgspec import Struct

from store.database.rows import Row, complete_spans, with_short_spans
from store.model.lazy_mapping import LazyMapping
from store.model.state import Node

_DESCRIPTION = "created", "node_type", "task_type", "goal", "layer"
"""Fields of a node that only node_created sets."""

_SAME = ""
"""`Node.latest_goal` in a version, if it equals the goal."""

_description = attrgetter(*_DESCRIPTION)

SELECT_VERSIONS = (
    f"SELECT n.key, n.node_id, {', '.join(f'n.{name}' for name in _DESCRIPTION)}, (SELECT v.data FROM version v"
    " WHERE v.node = n.key AND v.position <= ? ORDER BY v.position DESC LIMIT 1) FROM node n WHERE n.run = ? AND"
)
"""The newest version up to a position of each node of a run. To be followed by a condition on the node `n`."""

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


def version_to_row(node: Node, key_of: Callable[[str], int]) -> bytes:
    """The column `data` of a version."""
    rest, described = with_short_spans(node), None
    rest.node_id, rest.outer, rest.root = "", None, None
    if node.created is not None:
        described = _checksum(_description(node))
        rest.created = rest.node_type = rest.task_type = rest.goal = rest.layer = None
        if node.goal is not None and node.latest_goal == node.goal:
            rest.latest_goal = _SAME
    outer, root = (None if node_id is None else key_of(node_id) for node_id in (node.outer, node.root))
    return _encode(_Version(rest, outer, root, described))


def versions_from_rows(
    rows: Sequence[Row], node_ids: LazyMapping[int, str], describe: Callable[[int], Node]
) -> list[Node | None]:
    """The nodes of rows of SELECT_VERSIONS; None for a node without a version.

    `describe` returns the node with a key as described by its last node_created before the version.
    """
    versions = [None if row[-1] is None else _decode_version(row[-1]) for row in rows]
    found = [version for version in versions if version is not None]
    node_ids.prefetch(key for version in found for key in (version.outer, version.root) if key is not None)
    id_of = partial(dict.get, node_ids)
    nodes: list[Node | None] = []
    for (key, node_id, *description, _), version in zip(rows, versions, strict=True):
        if version is None:
            nodes.append(None)
            continue
        node = version.node
        node.node_id = node_id
        complete_spans(node)
        node.outer, node.root = id_of(version.outer), id_of(version.root)
        if version.described is not None:
            if _checksum(description) != version.described:
                description = [*_description(describe(key))]
            node.created, node.node_type, node.task_type, node.goal, node.layer = description
            if node.latest_goal == _SAME:
                node.latest_goal = node.goal
        nodes.append(node)
    return nodes


def _checksum(description: Sequence[object]) -> int:
    return crc32(_encode(description))
