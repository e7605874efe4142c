"""Codecs: the fields of a record are the columns of its table, and every record survives its row."""

from pathlib import Path

import msgspec
import pytest

from store.database.rows import EDGE_COLUMNS, NODE, RUN, Codec
from tests.recorder import Recorder
from tests.tables import query, store


class Part(msgspec.Struct, array_like=True):
    name: str


class Record(msgspec.Struct, array_like=True):
    """A record with a field of each kind."""

    key: int
    flag: bool = False
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    table: dict[str, int] = msgspec.field(default_factory=dict)
    note: str | None = msgspec.field(default=None, name="comment")


CODEC = Codec(Record)


@pytest.mark.parametrize(("table", "columns"), [("run", RUN.columns), ("node", NODE.columns), ("edge", EDGE_COLUMNS)])
def test_every_field_of_a_record_has_a_column(db: Path, table: str, columns: tuple[str, ...]) -> None:
    store(db, Recorder().whole().entries)
    assert set(columns) <= {name for (name,) in query(db, "SELECT name FROM pragma_table_info(?)", table)}


def test_a_field_may_have_another_name_than_its_column() -> None:
    assert CODEC.columns == ("key", "flag", "part", "parts", "table", "comment")


def test_values_that_are_not_numbers_or_texts_are_json_and_empty_ones_null() -> None:
    assert CODEC.to_row(Record(1, True, Part("a"), (Part("b"),), {"c": 2}, "d")) == [
        *(1, True, '["a"]', '[["b"]]', '{"c":2}', "d")
    ]
    assert CODEC.to_row(Record(1)) == [1, False, None, None, None, None]


@pytest.mark.parametrize("record", [Record(1), Record(1, True, Part("a"), (Part("b"), Part("c")), {"d": 2}, "e")])
def test_a_record_survives_its_row(record: Record) -> None:
    row = [int(value) if isinstance(value, bool) else value for value in CODEC.to_row(record)]  # as SQLite returns it
    found = CODEC.from_row(row)
    assert found == record
    assert found.flag is record.flag


def test_records_from_empty_columns_do_not_share_a_value() -> None:
    first, second = CODEC.from_row([1, 0, None, None, None, None]), CODEC.from_row([2, 0, None, None, None, None])
    first.table["a"] = 1
    assert second.table == {}
