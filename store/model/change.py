"""What folding events changed in a run: the records to write or draw again."""

from typing import NamedTuple

from msgspec import Struct, field

from store.model.span import Span
from store.model.state import Edge, Node


class Transition(NamedTuple):
    """A change of a node's status. `old` is None for the first status."""

    node_id: str
    old: str | None
    new: str


class Move(NamedTuple):
    """A change of the parent of an existing node. None is the top level."""

    position: int
    node_id: str
    before: str | None
    after: str | None


class Change(Struct):
    """The changes of one `advance`."""

    nodes: dict[str, Node] = field(default_factory=dict)
    """New and changed nodes by id."""
    born: list[str] = field(default_factory=list)
    """Ids of new nodes, in the order in which events first name them."""
    spans: dict[int, Span] = field(default_factory=dict)
    """New and changed spans by `Span.born`."""
    edges: list[Edge] = field(default_factory=list)
    """New edges."""
    moves: list[Move] = field(default_factory=list)
    """Changes of parents, in order. Rare."""
    transitions: dict[int, Transition] = field(default_factory=dict)
    """Status changes by the position of their event."""
    inferred: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """Node of each call event that names no node, by position, and whether the node is uncertain. The node of an end is
    certain if the beginning of the call names it."""
