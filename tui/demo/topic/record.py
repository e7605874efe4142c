"""The record of a topic."""

from dataclasses import dataclass
from typing import Literal

RunMode = Literal["report", "story"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A request, and material for texts about it."""

    key: str
    """Name of the topic in a scenario."""
    mode: RunMode
    ask: str
    """The request: the goal of the root."""
    title: str
    """The subject of the request, as a noun phrase."""
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    """Parts of the finished text, each with its points, as noun phrases."""
    lookups: tuple[str, ...]
    """Subjects of searches, as noun phrases."""
    questions: tuple[str, ...]
    """Goals of thinking tasks."""
    names: tuple[str, ...]
    """Names of persons and organisations."""
    sources: tuple[tuple[str, str], ...]
    """Search results: a publication and its host."""
    claims: tuple[str, ...]
    """Sentences with the slots {who}, {n}, {n1}, {pct}, {year} and {name}."""
