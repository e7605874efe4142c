"""Detection of lost entries: after any history of a stream, losses are detected, and counted if Redis counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from store.model.entry import START, Cursor, Gap, StreamId, follow
from store.stream.gap import is_contiguous, next_batch
from tests.stream_model import Follower, Stream

KINDS = "trimmed", "reset", "restarted", "unsure"


def attached(counted: bool = True, entries: int = 5, limit: int = 10) -> tuple[Stream, Follower]:
    """A stream, and a follower that has read all of it."""
    stream, follower = Stream(counted), Follower(limit)
    stream.add(entries)
    assert follower.catch_up(stream) == []
    assert follower.cursor.position == stream.last
    return stream, follower


def summaries(gaps: list[Gap]) -> list[tuple[str, int | None]]:
    return [(gap.kind, gap.lost) for gap in gaps]


both = pytest.mark.parametrize("counted", [True, False], ids=["redis-7", "redis-6"])


@both
def test_a_stream_that_only_grows_has_no_gap(counted: bool) -> None:
    stream, follower = attached(counted)
    for more in (0, 1, 10, 35, 0):
        stream.add(more)
        assert follower.catch_up(stream) == []
    assert follower.missed(stream) == set()


@both
def test_entries_trimmed_after_they_were_read_are_no_gap(counted: bool) -> None:
    stream, follower = attached(counted)
    stream.add(3)
    follower.catch_up(stream)
    stream.trim(1)
    stream.add(4)
    assert follower.catch_up(stream) == []


@pytest.mark.parametrize(("left", "limit"), [(8, 10), (8, 8), (8, 3), (0, 10)])
def test_entries_trimmed_before_they_were_read_are_counted(left: int, limit: int) -> None:
    stream, follower = attached(limit=limit)
    stream.add(20)
    stream.trim(left)
    assert summaries(follower.catch_up(stream)) == [("trimmed", 20 - left)]
    assert len(follower.missed(stream)) == 20 - left
    stream.add(5)
    assert follower.catch_up(stream) == []


def test_before_redis_7_the_number_of_trimmed_entries_is_unknown() -> None:
    stream, follower = attached(counted=False)
    stream.add(20)
    stream.trim(8)
    assert summaries(follower.catch_up(stream)) == [("trimmed", None)]


def test_a_gap_has_the_ids_of_the_entries_around_it() -> None:
    stream, follower = attached()
    last_read = follower.cursor.position
    stream.add(20)
    stream.trim(8)
    (gap,) = follower.catch_up(stream)
    assert (gap.after, gap.before) == (last_read, stream.entries[0].at)
    assert gap.note == "entries were trimmed before they were read"


@both
def test_entries_trimmed_before_the_first_read_are_no_gap(counted: bool) -> None:
    stream, follower = Stream(counted), Follower()
    stream.add(50)
    stream.trim(25)
    assert follower.catch_up(stream) == []
    assert len(follower.read) == 25


@both
def test_a_stream_that_does_not_exist_yet_is_no_gap(counted: bool) -> None:
    stream, follower = Stream(counted), Follower()
    assert follower.catch_up(stream) == []
    assert follower.cursor.position == START
    stream.add(3)
    assert follower.catch_up(stream) == []


@both
@pytest.mark.parametrize("more", [0, 3, 5, 30])
def test_a_deleted_stream_is_a_reset(counted: bool, more: int) -> None:
    stream, follower = attached(counted)
    stream.delete()
    stream.add(more)
    gaps = follower.catch_up(stream)
    assert [gap.kind for gap in gaps] == (["reset"] if counted or not more else ["trimmed"])
    assert follower.missed(stream) == set()
    stream.add(2)
    assert follower.catch_up(stream) == []


@both
def test_a_newest_id_before_the_cursor_is_a_reset_and_begins_an_epoch(counted: bool) -> None:
    stream, follower = attached(counted)
    stream.delete()
    stream.add(3, at=StreamId(5, 0))
    assert summaries(follower.catch_up(stream)) == [("reset", None)]
    assert (follower.cursor.epoch, follower.cursor.position, follower.missed(stream)) == (1, StreamId(5, 2), set())


@both
def test_another_entry_with_the_id_of_the_last_one_is_a_reset(counted: bool) -> None:
    stream, follower = attached(counted)
    last = follower.cursor.position
    stream.delete()
    stream.add(3, at=last)
    assert summaries(follower.catch_up(stream)) == [("reset", None)]
    assert follower.missed(stream) == set()


@both
def test_a_server_that_restarts_with_older_data_is_a_reset(counted: bool) -> None:
    stream, follower = attached(counted)
    saved = stream.saved()
    stream.add(5)
    follower.catch_up(stream)
    stream.restart(saved)
    assert [gap.kind for gap in follower.catch_up(stream)] == ["reset"]


@both
def test_a_restart_may_have_lost_unread_entries(counted: bool) -> None:
    """Five entries are saved and read, five are not saved, five follow: all counts agree."""
    stream, follower = attached(counted)
    stream.add(5)
    saved = stream.saved()
    stream.add(5)
    stream.restart(saved)
    stream.add(5)
    assert summaries(follower.catch_up(stream)) == [("restarted", None)]
    assert len(follower.missed(stream)) == 5
    assert follower.catch_up(stream) == []


def test_a_missing_last_entry_with_matching_counts_is_an_unsure_gap() -> None:
    """A new stream may have as many entries as the old one would have."""
    stream, follower = attached()
    stream.add(8)
    stream.trim(8)
    assert summaries(follower.catch_up(stream)) == [("unsure", None)]


def test_trimmed_entries_are_counted_after_an_upgrade_to_redis_7() -> None:
    """The upgrade happens while many entries are unread."""
    stream, follower = attached(counted=False)
    stream.add(25)
    stream.counted = True
    assert follower.catch_up(stream) == []
    stream.add(20)
    stream.trim(8)
    assert summaries(follower.catch_up(stream)) == [("trimmed", 12)]


@pytest.mark.parametrize("recounted", [True, False])
def test_a_count_from_before_a_downgrade_to_redis_6_is_not_used(recounted: bool) -> None:
    """Redis 7 is replaced by Redis 6, which loses entries, and that by Redis 7."""
    stream, follower = attached(counted=True)
    stream.counted = False
    stream.add(20)
    stream.trim(8)
    assert summaries(follower.catch_up(stream)) == [("trimmed", None)]
    stream.counted = True
    if recounted:  # Redis 7 counts the entries in data of Redis 6
        stream.added = len(stream.entries)
    stream.add(3)
    assert follower.catch_up(stream) == []
    stream.add(20)
    stream.trim(8)
    assert summaries(follower.catch_up(stream)) == [("trimmed", 12)]


def test_a_read_is_contiguous_if_the_entry_at_the_cursor_is_unchanged() -> None:
    stream, follower = attached()
    entry = stream.entries[-1]
    assert is_contiguous(follower.cursor, entry.crc)
    assert not is_contiguous(follower.cursor, None)
    assert not is_contiguous(follower.cursor, replace(entry, fields={b"json_payload": b"another"}).crc)


def test_an_empty_batch_does_not_move_the_cursor() -> None:
    cursor = Cursor(StreamId(5, 0), 1, 77, 10, "server")
    assert follow(cursor, []) == cursor
    assert follow(cursor, [], lost=3) == replace(cursor, added=13)


# Random histories

trimming = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 30)),
    st.tuples(st.just("trim"), st.integers(0, 12)),
    st.tuples(st.just("read"), st.just(0)),
)
any_history = trimming | st.tuples(st.sampled_from(("delete", "save", "restart", "rollback", "reuse")), st.integers(0, 6))


def run(stream: Stream, follower: Follower, history: list[tuple[str, int]]) -> None:
    """Apply a history. Each `read` must detect all losses since the one before."""
    saved = stream.saved()
    before = set(follower.missed(stream))
    for what, number in [*history, ("read", 0)]:
        if what == "add":
            stream.add(number)
        elif what == "trim":
            stream.trim(number)
        elif what == "delete":
            stream.delete()
        elif what == "save":
            saved = stream.saved()
        elif what == "restart":
            stream.restart(stream.saved())
        elif what == "rollback":
            stream.restart(saved)
        elif what == "reuse":
            stream.delete()
            stream.add(number, at=StreamId(1_002, stream.published))
        else:
            blind = follower.cursor.entry_crc is None  # nothing read yet, or the entry is known to be gone
            gaps = follower.catch_up(stream)
            assert {gap.kind for gap in gaps} <= set(KINDS)
            missed = follower.missed(stream)
            assert gaps or blind or not missed - before
            before = missed


@given(st.lists(any_history, max_size=25), st.integers(1, 12))
def test_every_loss_is_detected(history: list[tuple[str, int]], limit: int) -> None:
    run(*attached(limit=limit), history)


@given(st.lists(trimming, max_size=25), st.integers(1, 12))
def test_trimmed_entries_are_counted_exactly(history: list[tuple[str, int]], limit: int) -> None:
    stream, follower = attached(limit=limit)
    run(stream, follower, history)
    assert sum(gap.lost or 0 for gap in follower.gaps) == len(follower.missed(stream))


@given(st.lists(any_history, max_size=25), st.integers(1, 12))
def test_a_snapshot_of_an_unchanged_stream_changes_nothing(history: list[tuple[str, int]], limit: int) -> None:
    stream, follower = attached(limit=limit)
    run(stream, follower, history)
    batch = next_batch(follower.cursor, stream.snapshot(follower.cursor, limit))
    assert (batch.cursor, batch.gap, list(batch.entries)) == (follower.cursor, None, [])
