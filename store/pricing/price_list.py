"""The bundled list of prices: that of the package `genai-prices`, as it was installed. Nothing is fetched.

The package takes 0.1 s to import and 30 MB of memory, so it is imported at the first look-up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from store.pricing.rates import Rate, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

_QUALIFIED = re.compile(r"([^/:]+)[/:](.+)")

_BEDROCK = "aws"
"""Provider whose model names are complete without its own name, such as `us.anthropic.claude-sonnet-4-20250514-v1:0`."""


_FREE = ":free"
"""End of the names of models that cost nothing. They are listed without a price, as are models with an unknown price."""


def listed_rates(model: str) -> list[Rates]:
    """The prices of a model, those that precede others first; empty if the list does not contain the model.

    `model` may begin with provider and gateway: `openrouter/anthropic/claude-3.5-sonnet`. A prefix that is no provider
    of the list is not removed, because `ollama/deepseek-r1` costs nothing that the list knows.
    """
    found = _find(model)
    if found is None:
        return []
    provider, info = found
    name = f"{provider.id}/{info.id}"
    if not isinstance(info.prices, list):
        return _rates(name, info.prices)
    dated = [
        rates
        for price in reversed(info.prices)
        for rates in _rates(name, price.prices, None if price.constraint is None else price.constraint.active)
    ]
    return [*dated, *_rates(name, info.prices[0].prices)]


def _find(model: str) -> tuple[Provider, ModelInfo] | None:
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    snapshot = get_snapshot()
    if qualified := _QUALIFIED.fullmatch(model):
        prefix, rest = qualified.groups()
        ids = dict.fromkeys((prefix, re.sub("[_-]ai$", "", prefix)))
        providers = [provider for name in ids if (provider := find_provider_by_id(snapshot.providers, name))]
        for provider in providers:
            if info := provider.find_model(rest, all_providers=snapshot.providers):
                return provider, info
        if providers and (found := _find(rest)):
            return found
    for provider_id in (None, _BEDROCK):
        try:
            return snapshot.find_provider_model(model, None, provider_id, None)
        except LookupError:
            continue
    return None


def _rates(name: str, price: ModelPrice, active: Callable[[datetime], bool] | None = None) -> list[Rates]:
    """The rates of one price; none if its input is not priced by tokens."""
    plain = _rate(price.input_mtok)
    if plain is None:
        if not name.endswith(_FREE):
            return []
        plain = Rate(0.0)
    return [
        Rates(
            name,
            plain,
            _rate(price.cache_read_mtok) or plain,
            _rate(price.cache_write_mtok) or plain,
            plain if price.input_mtok is None else _rate(price.output_mtok),
            _rate(price.output_reasoning_mtok),
            0.0 if (thousand := _rate(price.requests_kcount)) is None else thousand.base / 1_000,
            active=active,
        )
    ]


def _rate(price: Decimal | TieredPrices | None) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return Rate(float(price))
    return Rate(float(price.base), tuple((tier.start, float(tier.price)) for tier in price.tiers))
