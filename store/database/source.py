"""Sources of entries, as the writer and the ingest loop know them: batches, and a stream that they come from."""

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from store.database.arrival import Refused
from store.model.entry import Cursor, Entry, Gap, StreamId

Item = TypeVar("Item", bound=Entry | Refused)
"""What a source gives: a stream gives entries, a file also entries that were refused before."""


class Batch(Struct, Generic[Item], frozen=True):
    """The next entries of a source, which are stored in one transaction."""

    entries: Sequence[Item]
    cursor: Cursor = Cursor()
    """Position after the entries. A file has no positions: a repeated import finds its events stored."""
    gap: Gap | None = None
    """Entries that are missing before these."""
    run_id: str | None = None
    """Run that the source assigns the entries to; None if the entries name their run, or if it must be inferred."""
    is_last: bool = False
    """Whether the source has no further entries now."""


class Source(Protocol):
    """A growing stream, parts of it possibly lost. Methods raise SourceError; the next call connects again."""

    @property
    def name(self) -> str:
        """Name of the stream on its server."""

    @property
    def location(self) -> str:
        """Server of the stream, without credentials. Streams of the same name at other locations are other streams."""

    @property
    def address(self) -> str:
        """Address of the server for messages."""

    @property
    def head(self) -> StreamId | None:
        """Newest id of the stream when it was last compared; None if the stream does not exist."""

    def server(self) -> str:
        """Identity of the server process."""

    def holds(self, cursor: Cursor) -> bool:
        """Whether the stream contains the entry at the cursor, with the same content."""

    def batches(self, cursor: Cursor, follow: bool = False) -> Iterator[Batch[Entry]]:
        """The entries after the cursor, up to the last one. `follow`: without end; an empty batch follows each wait."""

    def disconnect(self) -> None:
        """Close the connection after an error. The next batch is smaller."""
