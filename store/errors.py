"""What can go wrong with the store, each with a message that says what happened, to what, and what to do next.

StoreError
├── FileError          the file can not be used
│   ├── FileMissing    it is not there
│   ├── FileForeign    it is not a treetop file
│   ├── FileNewer      it is from a newer version
│   ├── FileOlder      it is from an older version, and not brought up to date yet
│   ├── FileLocked     another ingester holds it
│   ├── FileBusy       another program writes to it, for long
│   └── FileReplaced   it was deleted, or another one put in its place
├── Fenced             another ingester moved the stream's position meanwhile
├── RunUnknown         no run, or several, by that name
├── NotImportable      what was to be imported is unknown, cut short or damaged
├── RunChanged         a run was put together anew while it was exported
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


class FileOlder(FileError):
    """The file was written by an older version; who stores events into it brings it up to date, others do not."""


class FileLocked(FileError):
    """Another process holds the file's lease."""


class FileBusy(FileError):
    """Another program has held the file's write lock for longer than anybody should have to wait."""


class FileReplaced(FileError):
    """The file that is open is not the one at its path any more: that was deleted, or replaced."""


class Fenced(StoreError):
    """The stream's position is not where this ingester left it: another one wrote to the file."""


class RunUnknown(StoreError):
    """No run, or more than one, goes by this name."""


class NotImportable(StoreError):
    """What was to be imported is neither an archive nor a reference server's database, or is cut short or damaged."""


class RunChanged(StoreError):
    """A run was deleted or put together anew while it was read: what was read before does not belong to the rest."""


class RedisError(StoreError):
    """Redis can not be reached, or does not let us read the stream."""
