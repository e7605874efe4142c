"""The user's own prices."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.errors import PricesUnreadable
from store.model.event_type import TokenUsage
from store.pricing.pricer import Pricer

JUNE = datetime(2026, 6, 1, tzinfo=UTC)

PRICES = """
[[model]]
name = "my-llama*"
input = 0.20
output = 0.80
cached = 0.05

[[model]]
name = "gpt-4o"
input = 5
output = 20
from = 2026-02-01

[[model]]
name = "prod-chat"
as = "azure/gpt-4o"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    return file


def price(path: Path, model: str, usage: TokenUsage, time: datetime = JUNE) -> tuple[object, str] | None:
    """The price of a call, and what it was priced as."""
    found = Pricer.of(path)(model, time.timestamp(), usage)
    return None if found is None else (found.dollars, found.model)


def test_own_prices_precede_the_list(path: Path) -> None:
    assert price(path, "gpt-4o", TokenUsage(1_000_000, 0)) == (5.0, "prices.toml/gpt-4o")
    assert price(path, "gpt-4o-mini", TokenUsage(1_000_000, 0)) == (0.15, "openai/gpt-4o-mini")


def test_a_name_may_be_a_pattern_in_any_case(path: Path) -> None:
    usage = TokenUsage(1_000, 100, cached_tokens=600)
    dollars = pytest.approx((400 * 0.20 + 600 * 0.05 + 100 * 0.80) / 1e6)
    assert price(path, "My-Llama-70b", usage) == (dollars, "prices.toml/my-llama*")


def test_tokens_without_a_price_of_their_own_are_plain_input(path: Path) -> None:
    usage = TokenUsage(1_000, 0, cache_write_tokens=1_000)
    assert price(path, "my-llama", usage) == (pytest.approx(1_000 * 0.20 / 1e6), "prices.toml/my-llama*")


def test_before_the_first_day_of_a_price_the_list_holds(path: Path) -> None:
    usage = TokenUsage(1_000_000, 0)
    day_before = price(path, "gpt-4o", usage, datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    assert day_before == (2.5, "openai/gpt-4o")
    assert price(path, "gpt-4o", usage, datetime(2026, 2, 1, tzinfo=UTC)) == (5.0, "prices.toml/gpt-4o")


def test_a_model_may_be_priced_as_one_of_the_list(path: Path) -> None:
    usage = TokenUsage(1_000, 100)
    assert price(path, "prod-chat", usage) == (pytest.approx((1_000 * 2.50 + 100 * 10) / 1e6), "azure/gpt-4o")


def test_the_first_table_that_matches_holds(path: Path) -> None:
    path.write_text(f'[[model]]\nname = "*"\ninput = 1\noutput = 1\n{PRICES}')
    assert price(path, "gpt-4o", TokenUsage(1_000_000, 0)) == (1.0, "prices.toml/*")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('[[model]]\nname = "a"\ninput = 1\noutput = 2\n[[model]]\nname = "b"\ninput = "x"\noutput = 1', "line 7", "input"),
        ('# ours\n\n[[model]]\nname = "a"\ninputs = 1\n', "line 5", "inputs"),
        ('[[model]]\nname = "a"\ninput = 1\n', "line 1", "output"),
        ('[[model]]\nname = "a"\ninput = 1\noutput = 2\n\n[[model]]\ninput = 1\n', "line 6", "name"),
        ('[[model]]\nname = "a"\noutput = 1\ninput = -1\n', "line 4", "input"),
        ('[[model]]\nname = "a"\noutput = nan\ninput = 1\n', "line 3", "output"),
        ('[[model]]\nname = "a"\nfrom = "soon"\n', "line 3", "from"),
        ('[[model]]\nname = "a"\nas = "unheard-of"\n', "line 3", "unheard-of"),
        ('[[model]]\nname = "a"\ninput = 1\nas = "gpt-4o"\n', "line 4", "as"),
        ("\n[prices]\ngpt = 1\n", "line 2", "prices"),
        ("model = 3\n", "line 1", "model"),
        ('[[model]]\nname = "a\n', "line 2", "TOML"),
    ],
)
def test_a_wrong_file_is_an_error_with_line_and_key(path: Path, text: str, where: str, what: str) -> None:
    path.write_text(text)
    with pytest.raises(PricesUnreadable) as caught:
        Pricer.of(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert where in message
    assert what in message


def test_a_missing_file_and_one_in_another_encoding_are_errors(path: Path) -> None:
    with pytest.raises(PricesUnreadable, match="No such file"):
        Pricer.of(path.with_name("none.toml"))
    path.write_bytes(b'[[model]]\nname = "caf\xe9"\n')
    with pytest.raises(PricesUnreadable, match="byte 21"):
        Pricer.of(path)
