"""Many lists of numbers in two arrays: 8 bytes for each value, against about 100 bytes in separate lists. Pure."""

from array import array
from collections.abc import Sequence
from itertools import accumulate


class NumberLists:
    """Lists numbered from 0 up to a size. The values of a list keep their order."""

    def __init__(self, size: int, keys: Sequence[int], values: Sequence[int]) -> None:
        """`keys`: for each value, the number of its list; negative for a value that is in no list."""
        counts = array("q", bytes(8 * (size + 1)))
        for key in keys:
            if key >= 0:
                counts[key + 1] += 1
        self._firsts = array("q", accumulate(counts))
        self._values = array("q", bytes(8 * self._firsts[-1]))
        free = self._firsts[:]
        for key, value in zip(keys, values, strict=True):
            if key >= 0:
                self._values[free[key]] = value
                free[key] += 1

    def __getitem__(self, key: int) -> Sequence[int]:
        return self._values[self._firsts[key] : self._firsts[key + 1]]
