"""SQL statements that are generated from lists of columns and of values."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

VALUES_PER_STATEMENT_MAX = 500
"""Values that one statement looks up. More need several statements, see `batched`."""


def batched(values: Iterable[T], size: int | None = None) -> Iterator[list[T]]:
    """The values in lists of this size (None: VALUES_PER_STATEMENT_MAX); the last list may be shorter."""
    rest = iter(values)
    while part := list(islice(rest, size or VALUES_PER_STATEMENT_MAX)):
        yield part


def placeholders(values: Sized) -> str:
    """One `?` for each value, separated by commas, for `IN (...)` and `VALUES (...)`."""
    return ",".join("?" * len(values))


def insert(table: str, columns: Sequence[str]) -> str:
    """INSERT of one row."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({placeholders(columns)})"


def update(table: str, columns: Sequence[str]) -> str:
    """UPDATE of these columns of one row. The last parameter is the key of the row."""
    return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE key = ?"
