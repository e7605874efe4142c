"""Parts of the benchmarks: files with large runs, and the simulated terminal. Nothing is timed here."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from store.database.arrival import FIELD
from store.database.writer import Writer
from store.model.entry import Entry, StreamId
from tests.bench.agent import bushy
from tests.bench.big import bodies, cached, make
from tests.bench.figure import Figures, percentile, table
from tests.bench.grid import Grid
from tests.bench.load import Load
from tests.bench.relay_process import ingesting
from tests.tables import query


def counts(path: Path, question: str) -> list[tuple[object, ...]]:
    """Counts of a view of the file."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute(question))


class TestFiles:
    """Runs of any size, from templates."""

    def test_a_tree_is_an_unfinished_run_of_ten_events_a_node(self, db: Path) -> None:
        stored = make(db, bodies("tree", 500))
        assert 4_000 < stored < 6_000
        assert counts(db, "SELECT count(*), max(layer), count(DISTINCT outer_node_id) > 60 FROM nodes") == [(500, 4, 1)]
        assert counts(db, "SELECT status FROM runs") == [("running",)]
        assert query(db, "SELECT count(*) FROM rejected") == [(0,)]
        finished = counts(db, "SELECT count(*) FROM nodes WHERE status = 'FINISH'")[0][0]
        assert isinstance(finished, int)
        assert 400 < finished < 500

    def test_plans_have_three_to_eight_parts(self) -> None:
        sizes = [len(children) for children in bushy(2_000, seed=3) if children]
        assert set(sizes[:-1]) == {3, 4, 5, 6, 7, 8}

    def test_a_chain_is_as_deep_as_it_has_nodes(self, db: Path) -> None:
        make(db, bodies("deep", 40))
        assert counts(db, "SELECT max(layer), count(*) FROM nodes") == [(39, 40)]

    def test_a_wide_run_has_everything_in_its_root(self, db: Path) -> None:
        make(db, bodies("wide", 60))
        assert counts(db, "SELECT count(*) FROM nodes WHERE layer = 1") == [(59,)]

    def test_many_runs_are_all_finished(self, db: Path) -> None:
        make(db, bodies("small", 5))
        assert counts(db, "SELECT status, count(*) FROM runs GROUP BY status") == [("completed", 5)]
        assert counts(db, "SELECT DISTINCT status FROM nodes") == [("FINISH",)]

    def test_a_file_is_made_once(self, tmp_path: Path) -> None:
        path = cached(tmp_path, "small", 2)
        before = path.stat()
        assert cached(tmp_path, "small", 2) == path
        assert path.stat() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_a_load_goes_on_with_the_run(self, db: Path) -> None:
        make(db, bodies("tree", 100))
        load = Load(nodes=100, first=100)
        more = [*(load.create() for _ in range(20)), *(load.update() for _ in range(50))]
        with Writer(db) as writer:
            added = writer.append(list(entries(more)))
        assert (added.stored, added.rejected, load.next) == (70, 0, 120)
        assert counts(db, "SELECT count(*), count(outer_node_id) FROM nodes") == [(120, 119)]
        assert counts(db, "SELECT count(*) FROM runs") == [(1,)]

    def test_every_event_is_json_with_an_id_of_its_own(self) -> None:
        events = [json.loads(body) for body in islice(bodies("tree", 100), 500)]
        assert len({event["event_id"] for event in events}) == 500


def entries(published: Iterable[bytes]) -> Iterable[Entry]:
    return (Entry(StreamId(1_800_000_000_000 + number, 0), {FIELD: body}) for number, body in enumerate(published))


class TestGrid:
    """The screen in memory equals that of a terminal."""

    @pytest.fixture
    def grid(self) -> Grid:
        return Grid(10, 3)

    def test_text_stands_where_it_is_put(self, grid: Grid) -> None:
        grid.feed(b"\x1b[2;3Hab\ncd\x1b[1;1Hx")
        assert grid.lines == ["x         ", "  ab      ", "    cd    "]

    def test_a_sequence_may_come_in_pieces(self, grid: Grid) -> None:
        whole = "\x1b[2;3H\x1b[48;2;1;2;3m├é\x1b[0m".encode()
        for at in range(len(whole)):
            grid.feed(whole[at : at + 1])
        assert grid.lines[1] == "  ├é      "
        assert [grid.shades(x)[1].background for x in (1, 2, 3, 4)] == ["", "2;1;2;3"[2:], "1;2;3", ""]

    def test_a_wide_character_takes_two_cells(self, grid: Grid) -> None:
        grid.feed("\x1b[1;1H漢x".encode())
        assert grid.lines[0] == "漢 x       "

    def test_reversal_is_a_shade(self, grid: Grid) -> None:
        grid.feed(b"\x1b[7ma\x1b[27mb")
        assert [grid.shades(x)[0].reverse for x in (0, 1)] == [True, False]

    def test_titles_and_modes_are_passed_over(self, grid: Grid) -> None:
        grid.feed(b"\x1b]0;title\x07\x1b[?1049h\x1b[>1u\x1b7\x1b[?2026hok\x1b[?2026l")
        assert grid.lines[0] == "ok        "
        assert grid.frames == 1

    def test_text_beyond_the_grid_is_cut(self, grid: Grid) -> None:
        grid.feed(b"\x1b[1;8Habcdef")
        assert grid.lines[0] == "       abc"


class TestFigures:
    def test_a_percentile_is_a_value_that_was_measured(self) -> None:
        assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 3.0
        assert percentile([4.0, 1.0, 3.0, 2.0], 0.99) == 4.0

    def test_the_table_has_a_column_for_each_size(self) -> None:
        figures = Figures()
        figures.spread("open", [5.0, 1.0, 2.0], size=1_000)
        figures.add("open", None, "ms", size=10_000, note="too slow")
        assert [line.split() for line in table(figures.all).splitlines()] == [
            ["what", "of", "where", "1k", "10k", "unit", "note"],
            ["open", "treetop", "200x50", "2.0", "n/a", "ms", "of", "3;", "too", "slow"],
        ]


def test_an_ingester_that_exits_ends_the_benchmark_of_the_relay(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exited with 2"), ingesting(tmp_path / "missing" / "events.db", "redis://"):
        pass
