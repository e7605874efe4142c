"""The failures in a row of one call, as a node keeps them. `alarm` counts them."""

from typing import NamedTuple


class Streak(NamedTuple):
    """The failures in a row of a call in a task: without a success of the same call with the same arguments between."""

    kind: str
    name: str
    """Model or agent class, or tool and function."""
    arguments: int
    """`Span.arguments` of the call."""
    failures: int = 0
    """Failures since the last success."""
    most: int = 0
    """The most failures in a row so far."""
    latest: int = 0
    """Position of the latest failure."""
