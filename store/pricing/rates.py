"""Prices of the tokens of one model, and the cost of a call at these prices."""

from collections.abc import Callable
from datetime import date, datetime

from msgspec import Struct

from store.model.event_type import TokenUsage


class Rate(Struct, frozen=True):
    """US dollars per million tokens. The rate of a call may depend on the number of its input tokens."""

    base: float
    steps: tuple[tuple[int, float], ...] = ()
    """Rates of calls with more input tokens than these, ascending. They apply to all tokens of the call."""

    def of(self, tokens_in: int) -> float:
        """The rate of a call with this number of input tokens."""
        rate = self.base
        for above, higher in self.steps:
            if tokens_in > above:
                rate = higher
        return rate


class Rates(Struct, frozen=True):
    """The prices of one model, possibly for a part of the time."""

    name: str
    """Source and name of the model, see `Price.model`."""
    input: Rate
    cached: Rate
    """Of input tokens that the model server read from its cache."""
    written: Rate
    """Of input tokens that the model server wrote to its cache."""
    output: Rate | None = None
    """None: the model has no output, as one that makes embeddings."""
    reasoning: Rate | None = None
    """Of output tokens spent on reasoning. None: as `output`."""
    call: float = 0.0
    """US dollars for the call itself."""
    since: date | None = None
    """First day in UTC on which these prices hold."""
    active: Callable[[datetime], bool] | None = None
    """Whether these prices hold at a time. None: at any time."""

    def hold(self, time: datetime) -> bool:
        """Whether these prices hold at a time in UTC."""
        return (self.since is None or time.date() >= self.since) and (self.active is None or self.active(time))

    def cost(self, usage: TokenUsage) -> float | None:
        """US dollars for these tokens. None if a count is missing, or a part is larger than the whole."""
        tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
        if tokens_out is None and self.output is None:
            tokens_out = 0
        if tokens_in is None or tokens_out is None or (tokens_out and self.output is None):
            return None
        cached, written, reasoning = usage.cached_tokens or 0, usage.cache_write_tokens or 0, usage.reasoning_tokens or 0
        parts = (
            (tokens_in - cached - written, self.input),
            (cached, self.cached),
            (written, self.written),
            (tokens_out - reasoning, self.output),
            (reasoning, self.reasoning or self.output),
        )
        if any(tokens < 0 for tokens, _ in parts):
            return None
        millionths = sum(tokens * rate.of(tokens_in) for tokens, rate in parts if tokens and rate is not None)
        return millionths / 1_000_000 + self.call
