"""The prices of LLM calls: the user's own, else those of the bundled list."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from store.model.event_type import TokenUsage
from store.model.price import Price
from store.pricing.price_file import OwnPrice, read_prices
from store.pricing.price_list import listed_rates
from store.pricing.rates import Rates

CACHED_MODELS_MAX = 1_000
"""Models whose prices are kept in memory. A look-up takes up to a millisecond."""

MODEL_CHARS_MAX = 200
"""Characters of a model's name. A longer name has no price."""


class Pricer:
    """Prices calls. Reads the file of the user's prices once, and the bundled list at the first call that needs it."""

    def __init__(self, own: Sequence[OwnPrice] = ()) -> None:
        self._own = own
        self._rates: dict[str, list[Rates]] = {}

    @classmethod
    def of(cls, path: Path | None) -> "Pricer":
        """A pricer with the prices in a file; None: with the bundled list alone. Raises PricesUnreadable."""
        return cls(() if path is None else read_prices(path))

    def __call__(self, model: str, time: float, usage: TokenUsage) -> Price | None:
        """The price of a call of a model at a time, in seconds since 1970. None if the price or the tokens are unknown."""
        if usage.prompt_tokens is None or len(model) > MODEL_CHARS_MAX:
            return None
        rates = self._rates.get(model)
        if rates is None:
            if len(self._rates) >= CACHED_MODELS_MAX:
                self._rates.clear()
            rates = self._rates[model] = self._find(model)
        for found in rates:
            if (found.since is None and found.active is None) or found.hold(_utc(time)):
                dollars = found.cost(usage)
                return None if dollars is None else Price(dollars, found.name)
        return None

    def _find(self, model: str) -> list[Rates]:
        """The prices of a model, those that precede others first."""
        own = [rates for price in self._own if price.names.match(model) for rates in price.rates]
        if own and own[-1].since is None and own[-1].active is None:
            return own
        return own + listed_rates(model)


def _utc(time: float) -> datetime:
    try:
        return datetime.fromtimestamp(time, UTC)
    except (ValueError, OverflowError, OSError):  # outside of the calendar
        return datetime.max.replace(tzinfo=UTC)
