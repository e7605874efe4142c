"""The facts of an event: the typed fields of its payload that the fold, the tree and the timeline read.

Facts are stored beside the event. The body (everything, byte for byte as published) is stored apart and read on demand, so
prompts and responses are skipped here, not parsed.
"""

from typing import Annotated, ClassVar
from zlib import crc32

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

PREVIEW_CHARS = 240
"""Characters that the facts keep of a long text: enough for one line of the timeline."""

Id = str | int | None
"""An identifier as published. Numbers become text in the facts."""

Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that SQLite can store."""

Preview = str | None
"""A text that is cut to `PREVIEW_CHARS`."""


def checksum(text: str) -> int:
    """CRC-32 of a text, by which equal arguments are recognised."""
    return crc32(text.encode("utf-8", "surrogatepass"))


class Facts(Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of the facts of all event types."""

    type: ClassVar[str] = ""
    node_fields: ClassVar[tuple[str, ...]] = ("node_id",)
    """Fields that contain node ids. The first one, `node_id`, names the subject."""

    root_field: ClassVar[str | None] = None
    """Field that contains the root of the subject. It helps to find the run; the event does not concern the root."""

    begins_call: ClassVar[str | None] = None
    """Kind of the call (`llm` or `tool`) that events of this type begin; None: they begin none."""

    preview_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that are cut to `PREVIEW_CHARS`."""

    node_id: Id = None
    step: Int | None = None

    def __post_init__(self) -> None:
        for name in self.node_fields:
            if type(value := getattr(self, name)) is int:
                force_setattr(self, name, str(value))
        if self.root_field is not None and type(value := getattr(self, self.root_field)) is int:
            force_setattr(self, self.root_field, str(value))
        for name in self.preview_fields:
            value = getattr(self, name)
            if value is not None and len(value) > PREVIEW_CHARS:
                force_setattr(self, name, value[:PREVIEW_CHARS])

    @property
    def subject(self) -> str | None:
        """Id of the node that the event is about; None for an event about the whole run."""
        return self.node_id or None  # type: ignore[return-value]  # __post_init__ made it text

    @property
    def concerns(self) -> tuple[str, ...]:
        """Ids of the nodes whose timelines contain the event, the subject first, without duplicates."""
        if len(self.node_fields) == 1:  # most events
            return (self.node_id,) if self.node_id else ()  # type: ignore[return-value]  # __post_init__ made it text
        return tuple(dict.fromkeys(filter(None, map(self.__getattribute__, self.node_fields))))

    @property
    def mentions(self) -> tuple[str, ...]:
        """Ids of all nodes that the event names: `concerns` and the root."""
        return self.with_root(self.concerns)

    def with_root(self, concerns: tuple[str, ...]) -> tuple[str, ...]:
        """`mentions`, if `concerns` is already known."""
        if self.root_field is None or not (root := getattr(self, self.root_field)) or root in concerns:
            return concerns
        return (*concerns, root)

    @property
    def failed(self) -> bool:
        """Whether the event reports an error."""
        return False

    @property
    def duration(self) -> float | None:
        """Seconds that the step, call or run took, as measured by the agent."""
        return getattr(self, "duration_seconds", None)
