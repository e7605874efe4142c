"""What can go wrong with the store, each with a message that says what happened, to what, and what to do next.

StoreError
├── FileError          the file can not be used
│   ├── FileMissing    it is not there
│   ├── FileForeign    it is not a treetop file
│   ├── FileNewer      it is from a newer version
│   └── FileLocked     another ingester holds it
├── Fenced             another ingester moved the stream's position meanwhile
├── RunUnknown         no run, or several, by that name
└── RedisError         Redis is not there, or refuses
"""


class StoreError(Exception):
    """Anything that the store refuses; the message is for the user."""


class FileError(StoreError):
    """The file can not be used."""


class FileMissing(FileError):
    """There is no file at this path."""


class FileForeign(FileError):
    """The file is something else than a treetop file, or damaged so that it can not be told."""


class FileNewer(FileError):
    """The file was written by a newer version, whose rules this one does not know."""


class FileLocked(FileError):
    """Another process holds the file's lease."""


class Fenced(StoreError):
    """The stream's position is not where this ingester left it: another one wrote to the file."""


class RunUnknown(StoreError):
    """No run, or more than one, goes by this name."""


class RedisError(StoreError):
    """Redis can not be reached, or does not let us read the stream."""
