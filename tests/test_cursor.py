"""Whatever becomes of a stream between two looks at it: what was lost is noticed, and counted where that is possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from store.cursor import START, Cursor, Gap, follow, is_contiguous, judge
from store.events import StreamId
from tests.stream_model import Follower, Stream

KINDS = "trimmed", "reset", "restarted", "unsure"


def attached(counted: bool = True, entries: int = 5, limit: int = 10) -> tuple[Stream, Follower]:
    """A follower that read all of a stream."""
    stream, follower = Stream(counted), Follower(limit)
    stream.add(entries)
    assert follower.catch_up(stream) == []
    assert follower.cursor.position == stream.last
    return stream, follower


def found(gaps: list[Gap]) -> list[tuple[str, int | None]]:
    return [(gap.kind, gap.lost) for gap in gaps]


both = pytest.mark.parametrize("counted", [True, False], ids=["redis-7", "redis-6"])


@both
def test_nothing_is_missing_from_a_stream_that_only_grows(counted: bool) -> None:
    stream, follower = attached(counted)
    for more in (0, 1, 10, 35, 0):
        stream.add(more)
        assert follower.catch_up(stream) == []
    assert follower.missed(stream) == set()


@both
def test_what_was_trimmed_after_it_was_read_is_not_missing(counted: bool) -> None:
    stream, follower = attached(counted)
    stream.add(3)
    follower.catch_up(stream)
    stream.trim(1)
    stream.add(4)
    assert follower.catch_up(stream) == []


@pytest.mark.parametrize(("left", "limit"), [(8, 10), (8, 8), (8, 3), (0, 10)])
def test_what_was_trimmed_before_it_was_read_is_counted(left: int, limit: int) -> None:
    stream, follower = attached(limit=limit)
    stream.add(20)
    stream.trim(left)
    assert found(follower.catch_up(stream)) == [("trimmed", 20 - left)]
    assert len(follower.missed(stream)) == 20 - left
    stream.add(5)
    assert follower.catch_up(stream) == []


def test_before_redis_7_nobody_knows_how_many_were_trimmed() -> None:
    stream, follower = attached(counted=False)
    stream.add(20)
    stream.trim(8)
    assert found(follower.catch_up(stream)) == [("trimmed", None)]


def test_a_gap_says_between_which_entries_it_is() -> None:
    stream, follower = attached()
    last_read = follower.cursor.position
    stream.add(20)
    stream.trim(8)
    (gap,) = follower.catch_up(stream)
    assert (gap.after, gap.before) == (last_read, stream.entries[0].at)
    assert gap.note == "entries were pushed out of the stream before they were read"


@both
def test_what_was_gone_before_the_first_look_is_not_ours_to_miss(counted: bool) -> None:
    stream, follower = Stream(counted), Follower()
    stream.add(50)
    stream.trim(25)
    assert follower.catch_up(stream) == []
    assert len(follower.read) == 25


@both
def test_a_stream_that_is_not_there_yet_is_waited_for(counted: bool) -> None:
    stream, follower = Stream(counted), Follower()
    assert follower.catch_up(stream) == []
    assert follower.cursor.position == START
    stream.add(3)
    assert follower.catch_up(stream) == []


@both
@pytest.mark.parametrize("more", [0, 3, 5, 30])
def test_a_stream_that_was_deleted_is_a_reset(counted: bool, more: int) -> None:
    stream, follower = attached(counted)
    stream.delete()
    stream.add(more)
    gaps = follower.catch_up(stream)
    assert [gap.kind for gap in gaps] == (["reset"] if counted or not more else ["trimmed"])
    assert follower.missed(stream) == set()
    stream.add(2)
    assert follower.catch_up(stream) == []


@both
def test_ids_that_begin_anew_are_a_reset_and_another_epoch(counted: bool) -> None:
    stream, follower = attached(counted)
    stream.delete()
    stream.add(3, at=StreamId(5, 0))
    assert found(follower.catch_up(stream)) == [("reset", None)]
    assert (follower.cursor.epoch, follower.cursor.position, follower.missed(stream)) == (1, StreamId(5, 2), set())


@both
def test_another_entry_under_the_id_of_the_last_is_a_reset(counted: bool) -> None:
    stream, follower = attached(counted)
    last = follower.cursor.position
    stream.delete()
    stream.add(3, at=last)
    assert found(follower.catch_up(stream)) == [("reset", None)]
    assert follower.missed(stream) == set()


@both
def test_a_server_that_goes_back_to_what_it_saved_is_a_reset(counted: bool) -> None:
    stream, follower = attached(counted)
    saved = stream.saved()
    stream.add(5)
    follower.catch_up(stream)
    stream.restart(saved)
    assert [gap.kind for gap in follower.catch_up(stream)] == ["reset"]


@both
def test_a_restart_may_have_lost_what_nobody_read(counted: bool) -> None:
    """Five were saved and are read, five were not saved, five came later: every count agrees."""
    stream, follower = attached(counted)
    stream.add(5)
    saved = stream.saved()
    stream.add(5)
    stream.restart(saved)
    stream.add(5)
    assert found(follower.catch_up(stream)) == [("restarted", None)]
    assert len(follower.missed(stream)) == 5
    assert follower.catch_up(stream) == []


def test_the_last_entry_being_gone_proves_nothing_and_is_said() -> None:
    """A stream that was made anew may have as many entries as the old one would."""
    stream, follower = attached()
    stream.add(8)
    stream.trim(8)
    assert found(follower.catch_up(stream)) == [("unsure", None)]


def test_counting_begins_when_redis_begins_to_count() -> None:
    """Redis 6 was replaced by Redis 7 while we were far behind."""
    stream, follower = attached(counted=False)
    stream.add(25)
    stream.counted = True
    assert follower.catch_up(stream) == []
    stream.add(20)
    stream.trim(8)
    assert found(follower.catch_up(stream)) == [("trimmed", 12)]


def test_a_read_is_contiguous_when_the_entry_before_it_is_still_the_same() -> None:
    stream, follower = attached()
    entry = stream.entries[-1]
    assert is_contiguous(follower.cursor, entry)
    assert not is_contiguous(follower.cursor, None)
    assert not is_contiguous(follower.cursor, replace(entry, fields={b"json_payload": b"another"}))


def test_following_nothing_stays_where_it_is() -> None:
    cursor = Cursor(StreamId(5, 0), 1, 77, 10, "server")
    assert follow(cursor, []) == cursor
    assert follow(cursor, [], lost=3) == replace(cursor, added=13)


# Anything that can happen to a stream

trimming = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 30)),
    st.tuples(st.just("trim"), st.integers(0, 12)),
    st.tuples(st.just("read"), st.just(0)),
)
anything = trimming | st.tuples(st.sampled_from(("delete", "save", "restart", "rollback", "reuse")), st.integers(0, 6))


def run(stream: Stream, follower: Follower, happenings: list[tuple[str, int]]) -> None:
    """Let it happen; at each `read`, whatever went missing since the last must have been noticed."""
    saved = stream.saved()
    before = set(follower.missed(stream))
    for what, number in [*happenings, ("read", 0)]:
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
            blind = follower.cursor.entry_crc is None  # nothing was read yet, or it is known to be gone
            gaps = follower.catch_up(stream)
            assert {gap.kind for gap in gaps} <= set(KINDS)
            missed = follower.missed(stream)
            assert gaps or blind or not missed - before
            before = missed


@given(st.lists(anything, max_size=25), st.integers(1, 12))
def test_no_loss_goes_unnoticed(happenings: list[tuple[str, int]], limit: int) -> None:
    run(*attached(limit=limit), happenings)


@given(st.lists(trimming, max_size=25), st.integers(1, 12))
def test_what_trimming_took_is_counted_exactly(happenings: list[tuple[str, int]], limit: int) -> None:
    stream, follower = attached(limit=limit)
    run(stream, follower, happenings)
    assert sum(gap.lost or 0 for gap in follower.gaps) == len(follower.missed(stream))


@given(st.lists(anything, max_size=25), st.integers(1, 12))
def test_a_look_at_what_did_not_change_changes_nothing(happenings: list[tuple[str, int]], limit: int) -> None:
    stream, follower = attached(limit=limit)
    run(stream, follower, happenings)
    verdict = judge(follower.cursor, stream.look(follower.cursor, limit))
    assert (verdict.cursor, verdict.gap, list(verdict.batch)) == (follower.cursor, None, [])
