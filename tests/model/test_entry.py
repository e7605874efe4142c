"""Ids of stream entries."""

from store.model.entry import StreamId


def test_ids_of_entries_sort_by_number() -> None:
    ids = ["1745342735470-3", "999-10", "1745342735470-12", "999-9", "1745342735471"]
    ordered = ["999-9", "999-10", "1745342735470-3", "1745342735470-12", "1745342735471-0"]
    assert [str(at) for at in sorted(map(StreamId.parse, ids))] == ordered


def test_the_largest_id_of_redis_fits_into_sqlite() -> None:
    assert StreamId.parse(b"18446744073709551615-18446744073709551615").bounded == (2**63 - 1, 2**63 - 1)
