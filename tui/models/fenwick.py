"""Prefix sums over a list of changing counts."""

from collections.abc import Iterable


class Fenwick:
    """A binary indexed tree over counts: prefix sums, and the index that a running total falls into.

    Building it costs O(n), every other operation O(log n). Slot i, counted from 1, contains the sum of the i & -i counts up
    to i.
    """

    __slots__ = ("_sums",)

    def __init__(self, counts: Iterable[int] = ()) -> None:
        self._sums = [0, *counts]
        for slot, held in enumerate(self._sums):
            above = slot + (slot & -slot)
            if slot < above < len(self._sums):
                self._sums[above] += held

    def __len__(self) -> int:
        return len(self._sums) - 1

    def append(self, count: int) -> None:
        """Append a count."""
        slot = len(self._sums)
        below, first = slot - 1, slot - (slot & -slot)
        while below > first:
            count += self._sums[below]
            below -= below & -below
        self._sums.append(count)

    def add(self, place: int, delta: int) -> None:
        """Add `delta` to the count at `place`."""
        slot = place + 1
        while slot < len(self._sums):
            self._sums[slot] += delta
            slot += slot & -slot

    def sum(self, place: int) -> int:
        """The sum of the counts before `place`."""
        total = 0
        while place:
            total += self._sums[place]
            place -= place & -place
        return total

    def find(self, total: int) -> tuple[int, int]:
        """The index of the count that covers `total` (0 <= total < sum of all), and the offset of `total` in that count.

        Requires that no count is negative.
        """
        place, step = 0, 1 << len(self).bit_length()
        while step := step >> 1:
            slot = place + step
            if slot < len(self._sums) and self._sums[slot] <= total:
                place = slot
                total -= self._sums[slot]
        return place, total
