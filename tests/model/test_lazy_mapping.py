"""A mapping that loads values on demand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.model.lazy_mapping import LazyMapping

SQUARES = {number: number * number for number in range(10)}


class Source:
    """The source of the values. Records the requested keys."""

    def __init__(self, values: dict[int, int]) -> None:
        self.values = values
        self.requests: list[list[int]] = []

    def load(self, keys: list[int]) -> dict[int, int]:
        self.requests.append(keys)
        return {key: self.values[key] for key in keys if key in self.values}


def squares() -> tuple[Source, LazyMapping[int, int]]:
    source = Source(SQUARES)
    return source, LazyMapping(source.load)


def test_a_value_is_loaded_once_at_its_first_access() -> None:
    source, mapping = squares()
    assert source.requests == []
    assert [mapping[3], mapping[3], mapping.get(3), 3 in mapping] == [9, 9, 9, True]
    assert source.requests == [[3]]


def test_a_key_without_value_is_requested_once() -> None:
    source, mapping = squares()
    assert (mapping.get(77), mapping.get(77, 5), 77 in mapping) == (None, 5, False)
    with pytest.raises(KeyError, match="77"):
        mapping[77]
    assert source.requests == [[77]]


def test_prefetch_requests_all_keys_at_once() -> None:
    source, mapping = squares()
    assert mapping[2] == 4
    mapping.prefetch(iter([1, 2, 77, 3, 1, 77]))
    assert source.requests == [[2], [1, 77, 3]]
    mapping.prefetch([3, 77, 2, 1])
    mapping.prefetch([])
    assert [mapping.get(key) for key in (1, 2, 3, 77)] == [1, 4, 9, None]
    assert len(source.requests) == 2


def test_an_assigned_value_is_not_loaded() -> None:
    source, mapping = squares()
    mapping[3] = -1
    mapping[77] = 5
    mapping.prefetch([3, 77])
    assert (mapping[3], mapping[77], 77 in mapping) == (-1, 5, True)
    assert source.requests == []


def test_a_value_may_be_assigned_to_a_key_without_value() -> None:
    source, mapping = squares()
    assert mapping.get(77) is None
    mapping[77] = 5
    assert (mapping.get(77), 77 in mapping, mapping[77]) == (5, True, 5)
    assert source.requests == [[77]]


def test_a_value_may_be_falsy() -> None:
    source, mapping = squares()
    assert (mapping[0], mapping.get(0, 5), 0 in mapping) == (0, 0, True)
    assert source.requests == [[0]]


def test_length_and_iteration_cover_loaded_values_only() -> None:
    _, mapping = squares()
    assert (len(mapping), list(mapping), bool(mapping)) == (0, [], False)
    mapping.prefetch([2, 3, 77])
    assert (len(mapping), list(mapping.items())) == (2, [(2, 4), (3, 9)])


def test_cleared_values_are_loaded_again() -> None:
    source, mapping = squares()
    mapping.prefetch([3, 77])
    mapping[3] = -1
    mapping.clear()
    source.values = {3: 9, 77: 78}
    assert (len(mapping), mapping[3], mapping[77]) == (0, 9, 78)
    assert source.requests == [[3, 77], [3], [77]]


def test_forgotten_absent_keys_are_requested_again() -> None:
    source, mapping = squares()
    mapping.prefetch([3, 77])
    source.values = {3: 10, 77: 78}
    mapping.forget_absent()
    assert (mapping[3], mapping[77]) == (9, 78)
    assert source.requests == [[3, 77], [77]]


@given(
    st.dictionaries(st.integers(0, 6), st.integers(0, 3)),
    st.lists(st.tuples(st.sampled_from(("get", "set", "in", "prefetch")), st.integers(0, 6), st.integers(0, 3))),
)
def test_access_by_key_equals_access_to_the_complete_mapping(
    values: dict[int, int], steps: list[tuple[str, int, int]]
) -> None:
    source = Source(dict(values))
    mapping, whole = LazyMapping(source.load), dict(values)
    for what, key, value in steps:
        if what == "get":
            assert (mapping.get(key), mapping.get(key, 9)) == (whole.get(key), whole.get(key, 9))
        elif what == "set":
            mapping[key] = whole[key] = value
        elif what == "in":
            assert (key in mapping) == (key in whole)
        else:
            mapping.prefetch([key, value])
    requests = [key for keys in source.requests for key in keys]
    assert len(requests) == len(set(requests))
