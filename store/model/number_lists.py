"""Lists of numbers, by number, in two arrays: 8 bytes a value, where a list for each takes a hundred. Pure."""

from array import array
from collections.abc import Sequence
from itertools import accumulate


class NumberLists:
    """The list with each number from 0 up to a size. The values of a list keep their order."""

    def __init__(self, size: int, keys: Sequence[int], values: Sequence[int]) -> None:
        """`keys`: number of the list of each of the values. A value with a negative key is in no list."""
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
