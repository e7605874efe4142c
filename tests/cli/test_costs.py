"""What runs cost, from the stream to every command: compared with sums written out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from store.database.lease import Lease
from store.model.entry import Entry, StreamId
from store.stream.server import RedisServer
from tests.cli.test_cli import treetop
from tests.live import publish
from tests.recorder import Recorder, body_of, entry_of
from tests.stream.test_real_runs import CAPTURES, REAL, capture, truth
from tests.tables import query, rows, store

PRICES = """
[[model]]
name = "house-*"
input = 2
output = 8
"""

CACHED = (2_000 * 2.50 + 8_000 * 1.25 + 500 * 10) / 1e6
"""A call of gpt-4o: 10,000 tokens in, 8,000 of them cached; 500 out."""

OWN = (1_000 * 2 + 200 * 8) / 1e6
"""Of house-model, by the file of the user's prices."""

PUBLISHED = 0.5
SEARCH = 0.005


def agent() -> Recorder:
    """Calls of four models in two tasks: cached tokens, own price, no price, published cost; and a search with a cost."""
    recorder = Recorder().run_started().root().plan("root", "draft", "check").step_started("draft")
    cached = {"prompt_tokens": 10_000, "cached_tokens": 8_000, "completion_tokens": 500}
    recorder.llm("draft", model="gpt-4o", token_usage=cached).llm("draft", model="house-model", tokens=(1_000, 200))
    recorder.step_finished("draft", "execute", "FINISH").step_started("check")
    recorder.llm("check", model="unheard-of", tokens=(70, 7)).llm("check", model="gpt-4o", cost=PUBLISHED, tokens=(9, 9))
    recorder.tool_invoked("check", "t").tool_returned("check", "t", cost=SEARCH)
    return recorder.step_finished("check", "execute", "FINISH").run_finished()


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(PRICES)
    return path


def shown(db: Path, run: str = "run") -> dict[str, Any]:
    """The output of `treetop show --json --spans`."""
    found: dict[str, Any] = json.loads(treetop("show", run, "--json", "--spans", "--db", str(db)).stdout)
    return found


class TestFourModels:
    """A simulated run whose costs are added up by hand."""

    @pytest.fixture
    def db(self, redis_server: RedisServer, db: Path, prices: Path) -> Path:
        publish(redis_server, agent().entries)
        done = treetop("ingest", "--drain", "--db", str(db), "--redis", redis_server.url, "--prices", str(prices))
        assert done.returncode == 0, done.stderr
        return db

    def test_json_has_own_and_total_costs(self, db: Path) -> None:
        found = shown(db)
        own = {node["id"]: (node["own"]["cost"], node["own"]["unpriced_calls"]) for node in found["nodes"]}
        assert own == {
            "root": (None, 0),
            "draft": (pytest.approx(CACHED + OWN), 0),
            "check": (pytest.approx(PUBLISHED + SEARCH), 1),
        }
        total = pytest.approx(CACHED + OWN + PUBLISHED + SEARCH)
        assert (found["nodes"][0]["total"]["cost"], found["nodes"][0]["total"]["unpriced_calls"]) == (total, 1)
        assert (found["run"]["total"]["cost"], found["run"]["total"]["unpriced_calls"]) == (total, 1)
        (run,) = json.loads(treetop("runs", "--json", "--db", str(db)).stdout)
        assert (run["total"]["cost"], run["total"]["unpriced_calls"]) == (total, 1)

    def test_each_call_has_the_model_that_it_was_priced_as(self, db: Path) -> None:
        calls = [(span["cost"], span["priced_as"]) for span in shown(db)["spans"] if span["kind"] != "step"]
        assert calls == [
            (pytest.approx(CACHED), "openai/gpt-4o"),
            (pytest.approx(OWN), "prices.toml/house-*"),
            (None, None),
            (PUBLISHED, None),
            (SEARCH, None),
        ]
        by_model = (
            "SELECT priced_as, sum(cost) FROM spans WHERE priced_as IS NOT NULL GROUP BY priced_as ORDER BY priced_as"
        )
        assert query(db, by_model) == [
            ("openai/gpt-4o", pytest.approx(CACHED)),
            ("prices.toml/house-*", pytest.approx(OWN)),
        ]

    def test_text_marks_the_sum_as_a_floor(self, db: Path) -> None:
        assert "≥ $0.53" in treetop("runs", "--db", str(db)).stdout
        assert "cost ≥ $0.53 · 1 call unpriced" in treetop("show", "run", "--db", str(db)).stdout
        shown = treetop("show", "run", "--db", str(db), PYTHONIOENCODING="ascii").stdout
        assert "cost > $0.53 | 1 call unpriced" in shown

    def test_an_import_and_a_rebuild_give_the_same_costs(self, db: Path, prices: Path, tmp_path: Path) -> None:
        other, archive = tmp_path / "other.db", tmp_path / "run.jsonl"
        assert treetop("export", "run", "-o", str(archive), "--db", str(db)).returncode == 0
        assert treetop("import", str(archive), "--db", str(other), TREETOP_PRICES=str(prices)).returncode == 0
        assert rows(other, "span", "node") == rows(db, "span", "node")
        assert treetop("rebuild", "--db", str(other)).returncode == 0
        assert rows(other, "span", "node") == rows(db, "span", "node"), "a rebuild keeps prices that are not known any more"


class TestReprice:
    """`treetop reprice`."""

    @pytest.fixture
    def db(self, tmp_path: Path) -> Path:
        db, archive = tmp_path / "events.db", tmp_path / "run.db"
        store(archive, agent().entries)
        assert treetop("import", str(archive), "--db", str(db)).returncode == 0
        return db

    def test_without_yes_it_only_counts(self, db: Path, prices: Path) -> None:
        before = rows(db)
        done = treetop("reprice", "--db", str(db), "--prices", str(prices))
        assert done.stdout == (
            "1 call in 1 run would be priced anew: $0.0036 instead of $0 (+$0.0036), 1 had no price before;"
            " add --yes to store this\n"
        )
        assert rows(db) == before

    def test_with_yes_it_stores_the_new_prices(self, db: Path, prices: Path) -> None:
        words = ("reprice", "--run", "run", "--yes", "--db", str(db), "--prices", str(prices))
        assert "1 call in 1 run were priced anew" in treetop(*words).stdout
        assert shown(db)["run"]["total"]["cost"] == pytest.approx(CACHED + OWN + PUBLISHED + SEARCH)
        assert treetop(*words).stdout == "all prices are up to date\n"
        assert treetop("doctor", "--deep", "--db", str(db)).returncode in (0, 1)

    def test_an_ingester_at_work_prevents_it(self, db: Path, prices: Path) -> None:
        with Lease(db):
            done = treetop("reprice", "--yes", "--db", str(db), "--prices", str(prices))
        assert (done.returncode, done.stdout) == (75, "")

    @pytest.mark.parametrize("words", [("reprice",), ("ingest", "--drain"), ("import", "-"), ("rebuild",)], ids=" ".join)
    def test_a_wrong_file_of_prices_is_an_error_with_its_line(self, db: Path, prices: Path, words: tuple[str, ...]) -> None:
        prices.write_text('[[model]]\nname = "a"\ninput = "much"\noutput = 1\n')
        done = treetop(*words, "--db", str(db), TREETOP_PRICES=str(prices))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{prices}: line 3: input: " in done.stderr

    def test_a_run_that_is_unknown_is_an_error(self, db: Path) -> None:
        done = treetop("reprice", "--run", "none", "--db", str(db))
        assert (done.returncode, done.stdout) == (2, "")


def test_prices_in_the_users_configuration_are_used_without_an_option(tmp_path: Path, prices: Path) -> None:
    folder, archive, db = tmp_path / "config" / "treetop", tmp_path / "run.db", tmp_path / "events.db"
    folder.mkdir(parents=True)
    (folder / "prices.toml").write_text(PRICES)
    store(archive, agent().entries)
    assert treetop("import", str(archive), "--db", str(db), XDG_CONFIG_HOME=str(folder.parent)).returncode == 0
    assert query(db, "SELECT count(*) FROM spans WHERE priced_as = 'prices.toml/house-*'") == [(1,)]


@pytest.mark.skipif(not REAL.exists(), reason="the recordings are missing")
@pytest.mark.parametrize("name", CAPTURES)
class TestRealRuns:
    """Recorded runs of the reference agent, which publishes models, but neither tokens nor costs."""

    def stored(self, redis_server: RedisServer, db: Path, entries: list[Entry]) -> list[dict[str, Any]]:
        """The totals of the runs."""
        publish(redis_server, entries, ids=True)
        assert treetop("ingest", "--drain", "--db", str(db), "--redis", redis_server.url).returncode == 0
        return [run["total"] for run in json.loads(treetop("runs", "--json", "--db", str(db)).stdout)]

    def test_calls_without_tokens_are_unpriced(self, redis_server: RedisServer, db: Path, name: str) -> None:
        totals = self.stored(redis_server, db, capture(name))
        assert {total["cost"] for total in totals} == {None}
        assert sum(total["unpriced_calls"] for total in totals) == sum(agent["llm_calls"] for agent in truth(name))

    def test_with_tokens_they_add_up(self, redis_server: RedisServer, db: Path, name: str) -> None:
        """The n-th call gets 1,000 + n tokens in and n tokens out."""
        entries, dollars, number = [], 0.0, 0
        for entry in capture(name):
            event = json.loads(entry.fields[b"json_payload"])
            if event["event_type"] == "llm_call_completed":
                number += 1
                event["payload"]["token_usage"] = {"prompt_tokens": 1_000 + number, "completion_tokens": number}
                rate_in, rate_out = {"gpt-4o-mini": (0.15, 0.60), "gpt-4o": (2.50, 10.00)}[event["payload"]["model"]]
                dollars += ((1_000 + number) * rate_in + number * rate_out) / 1e6
            entries.append(entry_of(body_of(event), StreamId(entry.at.ms, entry.at.number)))
        totals = self.stored(redis_server, db, entries)
        assert sum(total["cost"] for total in totals) == pytest.approx(dollars)
        assert sum(total["unpriced_calls"] for total in totals) == 0
        assert query(db, "SELECT sum(cost) FROM nodes") == [(pytest.approx(dollars),)]
