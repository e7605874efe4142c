"""The price of an LLM call whose agent published no cost."""

from msgspec import Struct


class Price(Struct, frozen=True, gc=False):
    """What a call cost, and how that is known."""

    dollars: float
    """US dollars."""
    model: str
    """Model that the call was priced as, after the source of its price: `openai/gpt-4o`, `prices.toml/my-model`."""
