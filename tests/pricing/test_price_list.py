"""Prices of the bundled list."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot

from store.model.event_type import TokenUsage
from store.model.price import Price
from store.pricing.price_list import listed_rates
from store.pricing.pricer import Pricer

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def price(model: str, usage: TokenUsage, time: datetime = NOW) -> tuple[object, str] | None:
    """The price of a call by the list alone, and what it was priced as."""
    found = Pricer()(model, time.timestamp(), usage)
    return None if found is None else (found.dollars, found.model)


def test_cached_and_written_tokens_are_priced_apart() -> None:
    usage = TokenUsage(prompt_tokens=1_000, completion_tokens=100, cached_tokens=500, cache_write_tokens=200)
    # claude-sonnet-4: 3 in, 15 out, 0.30 read from the cache, 3.75 written to it, in dollars per million
    dollars = (300 * 3 + 500 * 0.30 + 200 * 3.75 + 100 * 15) / 1e6
    assert price("claude-sonnet-4-20250514", usage) == (pytest.approx(dollars), "anthropic/claude-sonnet-4-0")


def test_reasoning_tokens_are_part_of_the_output() -> None:
    usage = TokenUsage(prompt_tokens=1_000, completion_tokens=700, reasoning_tokens=600)
    assert price("o3-mini", usage) == (pytest.approx((1_000 * 1.10 + 700 * 4.40) / 1e6), "openai/o3-mini")


def test_a_long_prompt_raises_the_price_of_all_tokens() -> None:
    short, long = TokenUsage(200_000, 1_000), TokenUsage(200_001, 1_000)
    found = price("gemini-2.5-pro", short), price("gemini-2.5-pro", long)
    assert found == (
        (pytest.approx((200_000 * 1.25 + 1_000 * 10) / 1e6), "google/gemini-2.5-pro"),
        (pytest.approx((200_001 * 2.50 + 1_000 * 15) / 1e6), "google/gemini-2.5-pro"),
    )


def test_a_call_has_the_price_of_its_day() -> None:
    usage = TokenUsage(1_000_000, 0)
    before, after = datetime(2025, 6, 9, 23, tzinfo=UTC), datetime(2025, 6, 10, 1, tzinfo=UTC)
    assert price("o3", usage, before) == (10.0, "openai/o3")
    assert price("o3", usage, after) == (2.0, "openai/o3")


@pytest.mark.parametrize(
    ("model", "priced_as"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("GPT-4o-2024-08-06", "openai/gpt-4o"),
        ("openai:gpt-4o", "openai/gpt-4o"),
        ("azure/gpt-4o", "azure/gpt-4o"),
        ("azure_ai/gpt-4o", "azure/gpt-4o"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3-5-sonnet"),
        ("openrouter/anthropic/claude-3.5-sonnet", "openrouter/anthropic/claude-3.5-sonnet"),
        ("gemini/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("vertex_ai/claude-3-5-sonnet@20240620", "google/claude-3-5-sonnet"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "aws/regional.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
    ],
)
def test_a_model_may_be_named_with_its_provider(model: str, priced_as: str) -> None:
    found = price(model, TokenUsage(1_000, 100))
    assert found is not None
    assert found[1] == priced_as


@pytest.mark.parametrize(
    "model", ["my-model", "ollama/deepseek-r1", "ollama/llama3", "mistral:7b", "", "/", "openai/", "a/b/c"]
)
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert price(model, TokenUsage(1_000, 100)) is None


@pytest.mark.parametrize(
    "usage",
    [
        TokenUsage(),
        TokenUsage(prompt_tokens=10),
        TokenUsage(completion_tokens=10),
        TokenUsage(10, 1, cached_tokens=8, cache_write_tokens=3),  # the parts of a prompt exceed it
        TokenUsage(10, 1, reasoning_tokens=2),
        TokenUsage(-10, 1),
    ],
)
def test_a_call_without_consistent_counts_has_no_price(usage: TokenUsage) -> None:
    assert price("gpt-4o", usage) is None


def test_a_free_model_costs_nothing_but_a_model_without_a_price_is_unknown() -> None:
    free = "openrouter/x-ai/grok-4.1-fast:free"
    assert price(free, TokenUsage(10, 1)) == (0.0, free)
    assert price("github-copilot/gpt-4o", TokenUsage(10, 1)) is None


def test_a_time_outside_of_the_calendar_has_the_latest_price() -> None:
    assert Pricer()("o3", 1e300, TokenUsage(1_000_000, 0)) == Price(2.0, "openai/o3")


@pytest.mark.parametrize("tokens", [1_000, 250_000, 1_500_000])
@pytest.mark.parametrize("time", [datetime(2024, 3, 1, 17, tzinfo=UTC), NOW])
def test_all_prices_are_those_that_the_package_computes(time: datetime, tokens: int) -> None:
    """For each model of the list; those without a price per token have none here, and 0 there."""
    ours = TokenUsage(tokens, 700, tokens // 2, tokens // 10, 100)
    theirs = Usage(
        input_tokens=tokens,
        cache_read_tokens=tokens // 2,
        cache_write_tokens=tokens // 10,
        output_tokens=700,
        output_reasoning_tokens=100,
    )
    snapshot, compared = get_snapshot(), 0
    for provider in snapshot.providers:
        for model in provider.models:
            if provider.find_model(model.id) is not model:  # it has other names
                continue
            rates = next((each for each in listed_rates(f"{provider.id}/{model.id}") if each.hold(time)), None)
            cost = None if rates is None else rates.cost(ours)
            expected = snapshot.calc(theirs, model.id, provider.id, None, time).total_price
            if cost is None:
                prices = model.get_prices(time)
                assert prices.input_mtok is None or prices.output_mtok is None
            else:
                compared += 1
                assert Decimal(cost) == pytest.approx(expected, rel=Decimal("1e-9"), abs=Decimal("1e-12")), model.id
    assert compared > 2_000


NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(refuse)
from store.model.event_type import TokenUsage
from store.pricing.pricer import Pricer
price = Pricer()
price("gpt-4o", 1.76e9, TokenUsage())
assert "genai_prices" not in sys.modules, "a call without tokens needs no list"
print(price("gpt-4o", 1.76e9, TokenUsage(1_000_000, 0)).dollars, price("unheard-of", 1.76e9, TokenUsage(1, 1)))
"""


def test_no_socket_is_opened() -> None:
    """The list is that of the installed package, also for a model that it does not contain."""
    done = subprocess.run([sys.executable, "-c", NO_NETWORK], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2.5 None\n", "")
