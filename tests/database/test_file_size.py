"""Bytes of a file relative to the published bytes."""

from tests.bench.size import measure, small


def test_a_file_of_small_events_takes_less_than_twice_the_published_bytes() -> None:
    """Of 350 bytes each. Rows and versions of nodes refer to their steps, which are in the table `span` only."""
    found = measure(small(10_000))
    assert found["file"] < 1.95 * found["published"]
    assert found["node"] < 0.1 * found["published"]
    assert found["version"] < 0.1 * found["published"]
