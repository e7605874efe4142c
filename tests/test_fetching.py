"""A mapping that asks for what it does not hold: to who asks by key it is the whole mapping."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.fetching import Fetching

SQUARES = {number: number * number for number in range(10)}


class Source:
    """Where the values are; takes down what it was asked for."""

    def __init__(self, values: dict[int, int]) -> None:
        self.values = values
        self.asked: list[list[int]] = []

    def fetch(self, keys: list[int]) -> dict[int, int]:
        self.asked.append(keys)
        return {key: self.values[key] for key in keys if key in self.values}


def squares() -> tuple[Source, Fetching[int, int]]:
    source = Source(SQUARES)
    return source, Fetching(source.fetch)


def test_a_value_is_fetched_when_it_is_asked_for_and_only_once() -> None:
    source, mapping = squares()
    assert source.asked == []
    assert [mapping[3], mapping[3], mapping.get(3), 3 in mapping] == [9, 9, 9, True]
    assert source.asked == [[3]]


def test_what_there_is_none_for_is_asked_for_once_too() -> None:
    source, mapping = squares()
    assert (mapping.get(77), mapping.get(77, 5), 77 in mapping) == (None, 5, False)
    with pytest.raises(KeyError, match="77"):
        mapping[77]
    assert source.asked == [[77]]


def test_what_will_be_asked_for_is_fetched_at_once_each_once() -> None:
    source, mapping = squares()
    assert mapping[2] == 4
    mapping.expect(iter([1, 2, 77, 3, 1, 77]))
    assert source.asked == [[2], [1, 77, 3]]
    mapping.expect([3, 77, 2, 1])
    mapping.expect([])
    assert [mapping.get(key) for key in (1, 2, 3, 77)] == [1, 4, 9, None]
    assert len(source.asked) == 2


def test_a_value_that_was_put_in_is_not_fetched() -> None:
    source, mapping = squares()
    mapping[3] = -1
    mapping[77] = 5
    mapping.expect([3, 77])
    assert (mapping[3], mapping[77], 77 in mapping) == (-1, 5, True)
    assert source.asked == []


def test_also_when_there_was_none_before() -> None:
    source, mapping = squares()
    assert mapping.get(77) is None
    mapping[77] = 5
    assert (mapping.get(77), 77 in mapping, mapping[77]) == (5, True, 5)
    assert source.asked == [[77]]


def test_a_value_may_be_nothing_much() -> None:
    source, mapping = squares()
    assert (mapping[0], mapping.get(0, 5), 0 in mapping) == (0, 0, True)
    assert source.asked == [[0]]


def test_it_counts_only_what_is_here() -> None:
    _, mapping = squares()
    assert (len(mapping), list(mapping), bool(mapping)) == (0, [], False)
    mapping.expect([2, 3, 77])
    assert (len(mapping), list(mapping.items())) == (2, [(2, 4), (3, 9)])


def test_what_it_let_go_of_is_fetched_again() -> None:
    source, mapping = squares()
    mapping.expect([3, 77])
    mapping[3] = -1
    mapping.clear()
    source.values = {3: 9, 77: 78}
    assert (len(mapping), mapping[3], mapping[77]) == (0, 9, 78)
    assert source.asked == [[3, 77], [3], [77]]


def test_what_there_was_none_of_may_be_there_later() -> None:
    source, mapping = squares()
    mapping.expect([3, 77])
    source.values = {3: 10, 77: 78}
    mapping.forget_absent()
    assert (mapping[3], mapping[77]) == (9, 78)
    assert source.asked == [[3, 77], [77]]


@given(
    st.dictionaries(st.integers(0, 6), st.integers(0, 3)),
    st.lists(st.tuples(st.sampled_from(("get", "set", "in", "expect")), st.integers(0, 6), st.integers(0, 3))),
)
def test_to_who_asks_by_key_it_is_the_whole_mapping(values: dict[int, int], steps: list[tuple[str, int, int]]) -> None:
    source = Source(dict(values))
    mapping, whole = Fetching(source.fetch), dict(values)
    for what, key, value in steps:
        if what == "get":
            assert (mapping.get(key), mapping.get(key, 9)) == (whole.get(key), whole.get(key, 9))
        elif what == "set":
            mapping[key] = whole[key] = value
        elif what == "in":
            assert (key in mapping) == (key in whole)
        else:
            mapping.expect([key, value])
    asked = [key for keys in source.asked for key in keys]
    assert len(asked) == len(set(asked))
