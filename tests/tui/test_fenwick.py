"""Prefix sums follow changes of their counts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.models.fenwick import Fenwick

count = st.integers(0, 9)
change = st.tuples(st.sampled_from(["append", "add"]), count)


@settings(deadline=None)
@given(first=st.lists(count, max_size=40), changes=st.lists(change))
def test_sums_and_indexes_equal_those_of_a_list(first: list[int], changes: list[tuple[str, int]]) -> None:
    counts, sums = list(first), Fenwick(first)
    for what, value in changes:
        if what == "append":
            counts.append(value)
            sums.append(value)
        elif counts:
            counts[value % len(counts)] += value
            sums.add(value % len(counts), value)
    assert len(sums) == len(counts)
    assert [sums.sum(place) for place in range(len(counts) + 1)] == [sum(counts[:n]) for n in range(len(counts) + 1)]
    expected = [(place, rest) for place, held in enumerate(counts) for rest in range(held)]
    assert [sums.find(total) for total in range(sum(counts))] == expected
