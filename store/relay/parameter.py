"""Validated query parameters. Each function raises BadRequest with one sentence that names the parameter."""

from collections.abc import Collection

from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import QueryParams

from store.relay.response import BadRequest

VALUE_MAX_CHARACTERS = 1_000
"""Longest accepted value of a parameter, in characters."""

INTEGER_MAX = 2**63 - 1
"""Largest integer that SQLite stores."""


class Position(Convertor[int]):
    """The position of an event in a path. Its digits are bounded, because `int` raises ValueError for thousands of them."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("position", Position())


def check(parameters: QueryParams, known: Collection[str]) -> None:
    """Reject unknown, repeated and overlong parameters."""
    for name, value in parameters.multi_items():
        if name not in known:
            raise BadRequest(f"Unknown parameter {name[:50]!r}; known are {', '.join(known) or 'none'}.")
        if len(parameters.getlist(name)) > 1:
            raise BadRequest(f"The parameter {name} is given more than once.")
        if len(value) > VALUE_MAX_CHARACTERS:
            raise BadRequest(f"The parameter {name} has more than {VALUE_MAX_CHARACTERS:,} characters.")


def integer(parameters: QueryParams, name: str, default: int, low: int = 0, high: int = INTEGER_MAX) -> int:
    """A decimal integer from `low` to `high`."""
    text = parameters.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise BadRequest(f"The parameter {name} must be a whole number from {low:,} to {high:,}.")


def number(parameters: QueryParams, name: str, default: float, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    text = parameters.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = low - 1.0
    if low <= value <= high:
        return value
    raise BadRequest(f"The parameter {name} must be a number from {low:g} to {high:g}.")


def flag(parameters: QueryParams, name: str, default: bool) -> bool:
    """`true` or `false`."""
    text = parameters.get(name)
    if text in ("true", "false"):
        return text == "true"
    if text is None:
        return default
    raise BadRequest(f"The parameter {name} must be true or false.")
