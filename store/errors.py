"""The exceptions of the store. Each message states what happened, to what, and what to do next.

StoreError
├── FileError
│   ├── FileMissing
│   ├── FileForeign
│   ├── FileNewer
│   ├── FileOlder
│   ├── FileLocked
│   ├── FileBusy
│   └── FileReplaced
├── Fenced
├── RunUnknown
├── PositionUnknown
├── RunChanged
├── NotImportable
├── PricesUnreadable
├── SourceError
│   └── RedisError
├── AddressUnusable
└── TooManyClients
"""


class StoreError(Exception):
    """Base class. The message is for the user."""


class FileError(StoreError):
    """The file cannot be opened, read or written."""


class FileMissing(FileError):
    """There is no file at the path."""


class FileForeign(FileError):
    """The file is not a treetop file, or too damaged to be recognised as one."""


class FileNewer(FileError):
    """The file was written by a newer version of treetop."""


class FileOlder(FileError):
    """The file was written by an older version of treetop and has not been migrated yet."""


class FileLocked(FileError):
    """Another ingester holds the file's lease."""


class FileBusy(FileError):
    """Another program has held the file's write lock for longer than the timeout."""


class FileReplaced(FileError):
    """The file at the path is not the open one: it was deleted or replaced."""


class Fenced(StoreError):
    """Another ingester moved the stream's position in the file, so this one must stop."""


class RunUnknown(StoreError):
    """A name matches no run, or more than one."""


class PositionUnknown(StoreError):
    """A text does not denote a position of the run."""


class RunChanged(StoreError):
    """The run was deleted or rebuilt while it was read, so the parts that were read do not fit together."""


class NotImportable(StoreError):
    """The source of an import is of an unknown kind, truncated or damaged."""


class PricesUnreadable(StoreError):
    """The file of the user's prices cannot be read, or a value in it is wrong."""


class SourceError(StoreError):
    """A source of entries cannot be read now."""

    def __init__(self, message: str = "", refused: bool = False) -> None:
        """`refused`: a person must resolve the error before a retry can succeed."""
        super().__init__(message)
        self.refused = refused


class RedisError(SourceError):
    """Redis cannot be reached or denies access to the stream."""


class AddressUnusable(StoreError):
    """The relay cannot listen at this address."""


class TooManyClients(StoreError):
    """The relay has as many WebSocket clients as it accepts."""
