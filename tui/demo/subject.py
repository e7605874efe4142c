"""The subjects of tasks, and their division into parts."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.topic import Topic
from tui.demo.voice import VOICES

DETAILS = ("in brief", "with figures", "case by case", "read critically", "as others tell it", "what is missing")
"""Aspects of a subject at a deep level."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a task: a noun phrase, and its known parts."""

    title: str
    facets: tuple[str, ...]
    """Templates of further parts."""
    level: int = 0
    known: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, topic: Topic) -> Subject:
        """The subject of a topic as a whole."""
        return cls(topic.title, VOICES[topic.mode].facets, 0, topic.sections)

    def parts(self, count: int) -> list[Subject]:
        """`count` parts in reading order: some of the known parts, or all of them and further aspects."""
        known = [self._part(title, tuple((point, ()) for point in points)) for title, points in self.known]
        if count <= len(known):
            return [known[round(i * (len(known) - 1) / max(1, count - 1))] for i in range(count)]
        aspects = [self._aspect(known[1:-1], i) for i in range(count - len(known))]
        return [*known[:-1], *aspects, *known[-1:]]

    def _part(self, title: str, known: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Subject:
        return Subject(title, self.facets, self.level + 1, known)

    def _aspect(self, inner: list[Subject], number: int) -> Subject:
        """An aspect of a known part, or of the subject. Deep levels have only details and numbers."""
        turn, place = divmod(number, max(1, len(inner)))
        title = inner[place].title if inner else self.title
        if self.level > 3:
            return self._part(f"{title}, part {number + 1}")
        detailed = self.level == 3
        again, which = divmod(turn, len(DETAILS if detailed else self.facets))
        aspect = f"{title}, {DETAILS[which]}" if detailed else self.facets[which].format(title=title)
        return self._part(f"{aspect} ({again + 1})" if again else aspect)
