"""Large values: written in parts, and read in pages of a bounded size, so that memory does not depend on them."""

import sqlite3
from collections.abc import Sequence

BLOB_PART_BYTES = 1_000_000
"""Bytes of a value that are written at a time. A value that is not larger can be a parameter of a statement."""

SELECT_BODY_SIZES = (
    "SELECT length(b.data) FROM event e JOIN body b ON b.seq = e.seq"
    " WHERE e.run = ? AND e.position BETWEEN ? AND ? ORDER BY e.position"
)
"""Bytes of the bodies at these positions of a run. Reads none of the bodies."""


def write_blob(connection: sqlite3.Connection, table: str, key: int, data: bytes) -> None:
    """Write the column `data` of a row that was inserted with `zeroblob(len(data))`.

    A parameter of a statement would be copied as a whole, twice.
    """
    with connection.blobopen(table, "data", key) as blob, memoryview(data) as whole:
        for start in range(0, len(data), BLOB_PART_BYTES):
            blob.write(whole[start : start + BLOB_PART_BYTES])


def fitting(sizes: Sequence[int], limit: int) -> int:
    """Number of values, from the first on, that have at most `limit` bytes together; at least one if there is any."""
    count, size = 0, 0
    while count < len(sizes) and (not count or size + sizes[count] <= limit):
        size += sizes[count]
        count += 1
    return count
