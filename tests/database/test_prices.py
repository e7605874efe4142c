"""Prices of calls in the file: determined once, stored with the event, counted once."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.database.lease import Lease
from store.database.migration import migrate, rebuild
from store.database.moment import Moment
from store.database.reader import Reader
from store.database.repricing import Repriced, preview, reprice
from store.errors import FileLocked
from store.model.entry import Entry, StreamId
from store.model.event_type import TokenUsage
from store.model.fold import fold
from store.model.price import Price
from store.model.state import empty
from tests.older import restore_former
from tests.recorder import Recorder
from tests.tables import events_of, query, rows, state_of, store


def by_token(rate: float) -> Callable[[str, float, TokenUsage], Price | None]:
    """Prices each token of `gpt-4o-mini`, the model of recorded calls, at this rate."""

    def price(model: str, time: float, usage: TokenUsage) -> Price | None:
        if model != "gpt-4o-mini" or usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        return Price(rate * (usage.prompt_tokens + usage.completion_tokens), f"openai/{model}")

    return price


def tree() -> Recorder:
    """A root with a plan of two. Calls of `a` have 30 tokens, one of `b` has 5, another is that of an unknown model."""
    recorder = Recorder().run_started().root().plan("root", "a", "b")
    recorder.step_started("a").llm("a", tokens=(10, 2)).llm("a", tokens=(17, 1)).step_finished("a", "execute", "FINISH")
    recorder.step_started("b").llm("b", tokens=(4, 1)).llm("b", tokens=(9, 9), model="unheard-of")
    return recorder.step_finished("b", "execute", "FINISH").run_finished()


def costs(path: Path) -> list[tuple[object, ...]]:
    """Own cost and number of unpriced calls of each node, and those of the run."""
    nodes = query(path, "SELECT node_id, cost, unpriced_calls FROM nodes ORDER BY node_id")
    return nodes + query(path, "SELECT run_id, cost, unpriced_calls FROM runs")


def test_each_call_has_a_price_and_the_name_of_its_model(db: Path) -> None:
    store(db, tree().llm("b", tokens=(1, 1), cost=7.0).entries, pricing=by_token(1.0))
    spans = query(db, "SELECT node_id, cost, priced_as FROM spans WHERE kind = 'llm' ORDER BY id")
    mini = "openai/gpt-4o-mini"
    assert spans == [("a", 12.0, mini), ("a", 18.0, mini), ("b", 5.0, mini), ("b", None, None), ("b", 7.0, None)]
    assert costs(db) == [("a", 30.0, 0), ("b", 12.0, 1), ("root", None, 0), ("run", 42.0, 1)]


async def check_past(db: Path) -> None:
    """Every position of the run is the fold of its events with their stored prices."""
    events = events_of(db, "run")
    async with Reader(db) as reader:
        moment = Moment(reader, "run")
        await moment.load()
        for position in range(len(events) + 1):
            moment.seek(position)
            await moment.refresh()
            found = await state_of(moment)
            assert found == fold(empty("run"), events[:position])
            if "root" in found.nodes:
                assert found.nodes["root"].total.cost == (found.run.cost or 0.0)


@pytest.mark.usefixtures("small_past")
async def test_every_position_of_the_past_has_the_stored_prices(db: Path) -> None:
    store(db, tree().entries, pricing=by_token(1.0))
    await check_past(db)


class TestCountedOnce:
    """A call adds its price once to its task, to the tasks above, and to its run."""

    def total(self, db: Path, entries: list[Entry], size: int = 1_000) -> list[tuple[object, ...]]:
        """Number of calls, costs of the runs, and sum of the costs of all spans."""
        store(db, entries, size, pricing=by_token(1.0))
        return query(db, "SELECT sum(llm_calls), sum(cost), (SELECT sum(cost) FROM spans), sum(unpriced_calls) FROM runs")

    @pytest.mark.parametrize("size", [1, 3, 1_000])
    def test_events_that_are_delivered_again(self, db: Path, size: int) -> None:
        entries = tree().entries
        store(db, entries[:20], size, pricing=by_token(1.0))
        again = [Entry(StreamId(entry.at.ms + 1_000_000, 0), entry.fields) for entry in entries]
        assert self.total(db, again, size=size) == [(4, 35.0, 35.0, 1)]

    def test_a_call_that_ends_after_its_step_was_aborted(self, db: Path) -> None:
        recorder = Recorder().root().node("root", "a").step_started("a").llm_started("a", "late")
        recorder.step_started("root").llm_completed("a", "late", tokens=(10, 2))
        assert self.total(db, recorder.entries) == [(1, 12.0, 12.0, 0)]

    def test_a_call_whose_end_comes_first(self, db: Path) -> None:
        recorder = (
            Recorder().root().step_started("root").llm_started("root", "c").llm_completed("root", "c", tokens=(10, 2))
        )
        *before, start, end = recorder.entries
        crossed = [*before, Entry(start.at, end.fields), Entry(end.at, start.fields)]
        assert self.total(db, crossed) == [(1, 12.0, 12.0, 0)]

    def test_a_call_that_was_first_attributed_to_another_task(self, db: Path) -> None:
        recorder = Recorder().root().node("root", "a").step_started("root").llm_started(None, "c")
        recorder.llm_completed("a", "c", tokens=(10, 2))
        assert self.total(db, recorder.entries) == [(1, 12.0, 12.0, 0)]
        assert query(db, "SELECT node_id FROM nodes WHERE cost = 12") == [("a",)]

    def test_calls_whose_events_are_reassigned_to_another_run(self, db: Path) -> None:
        named = Recorder("named")
        nameless = Recorder(None, beside=named).root("r").step_started("r").llm("r", tokens=(10, 2))
        named.run_started().root("other").step_started("other").llm("other", tokens=(3, 1))
        named.step_started("r").llm("r", tokens=(5, 1))
        assert self.total(db, nameless.entries, size=1) == [(3, 22.0, 22.0, 0)]
        assert query(db, "SELECT run_id, cost FROM runs") == [("named", 22.0)]


class TestReprice:
    """New prices of stored calls."""

    def test_a_repriced_file_equals_one_that_was_stored_at_these_prices(self, db: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        store(db, tree().entries, pricing=by_token(1.0))
        store(other, tree().entries, pricing=by_token(3.0))
        assert reprice(db, by_token(3.0)) == Repriced(runs=1, calls=3, before=35.0, after=105.0)
        assert query(db, "SELECT generation FROM run") == [(1,)], "screens read it again"
        with closing(sqlite3.connect(db)) as connection, connection:
            connection.execute("UPDATE run SET generation = 0")
        assert rows(db) == rows(other)

    @pytest.mark.usefixtures("small_past")
    async def test_the_past_of_a_repriced_run_has_the_new_prices(self, db: Path) -> None:
        store(db, tree().entries, pricing=by_token(1.0))
        reprice(db, by_token(3.0))
        await check_past(db)
        assert costs(db)[-1] == ("run", 105.0, 1)

    def test_a_preview_changes_nothing(self, db: Path) -> None:
        store(db, tree().entries, pricing=by_token(1.0))
        before = rows(db)
        assert preview(db, by_token(3.0)) == Repriced(runs=1, calls=3, before=35.0, after=105.0)
        assert preview(db, by_token(1.0)) == Repriced()
        assert rows(db) == before

    def test_prices_appear_and_vanish(self, db: Path) -> None:
        store(db, tree().entries)
        assert costs(db)[-1] == ("run", None, 4)
        assert reprice(db, by_token(1.0)) == Repriced(runs=1, calls=3, after=35.0, unpriced_before=3)
        assert costs(db)[-1] == ("run", 35.0, 1)
        assert reprice(db, lambda *_: None) == Repriced(runs=1, calls=3, before=35.0, unpriced_after=3)
        assert costs(db)[-1] == ("run", None, 4)

    def test_published_costs_never_change(self, db: Path) -> None:
        store(db, Recorder().root().llm("root", tokens=(10, 2), cost=0.5).entries, pricing=by_token(1.0))
        assert reprice(db, by_token(3.0)) == Repriced()
        assert costs(db)[-1] == ("run", 0.5, 0)

    def test_one_run_can_be_repriced(self, db: Path) -> None:
        for name in ("one", "two"):
            store(db, Recorder(name).root(name).llm(name, tokens=(10, 2)).entries, pricing=by_token(1.0))
        assert reprice(db, by_token(2.0), "two").runs == 1
        assert query(db, "SELECT run_id, cost FROM runs ORDER BY run_id") == [("one", 12.0), ("two", 24.0)]

    def test_after_an_error_no_run_has_changed(self, db: Path) -> None:
        for name in ("one", "two"):
            store(db, Recorder(name).root(name).llm(name, tokens=(10, 2)).entries, pricing=by_token(1.0))
        before, calls = rows(db), 0

        def price(model: str, time: float, usage: TokenUsage) -> Price | None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise KeyboardInterrupt
            return Price(9.0, model)

        with pytest.raises(KeyboardInterrupt):
            reprice(db, price)
        assert rows(db) == before

    def test_the_lease_is_needed(self, db: Path) -> None:
        store(db, tree().entries, pricing=by_token(1.0))
        with Lease(db), pytest.raises(FileLocked):
            reprice(db, by_token(3.0))
        assert costs(db)[-1] == ("run", 35.0, 1)

    def test_further_events_are_stored_after_it(self, db: Path, tmp_path: Path) -> None:
        recorder, other = tree(), tmp_path / "other.db"
        store(db, recorder.entries, pricing=by_token(1.0))
        reprice(db, by_token(3.0))
        recorder.step_started("a").llm("a", tokens=(1, 1))
        store(db, recorder.entries, pricing=by_token(3.0))
        store(other, recorder.entries, pricing=by_token(3.0))
        assert rows(db, "node", "span", "event") == rows(other, "node", "span", "event")


class TestRebuild:
    """Files that are derived anew."""

    def test_known_prices_are_kept_and_missing_ones_are_added(self, db: Path) -> None:
        recorder = tree()
        store(db, recorder.entries, pricing=by_token(1.0))
        store(db, recorder.llm("b", tokens=(100, 0)).entries)
        rebuild(db, pricing=by_token(3.0))
        assert costs(db)[-1] == ("run", 335.0, 1)

    def test_a_migrated_file_has_prices(self, db: Path) -> None:
        restore_former(db)
        migrate(db, pricing=by_token(1.0))
        assert query(db, "SELECT count(*) > 0, count(cost) = count(tokens_in) FROM spans WHERE kind = 'llm'") == [(1, 1)]
        assert query(db, "SELECT sum(cost) = sum(tokens_in + tokens_out) FROM spans WHERE kind = 'llm'") == [(1,)]
