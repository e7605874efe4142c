"""A mapping that asks for what it does not hold: how a run of any size is folded with a few of its nodes in memory."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Fetching(dict[K, V]):
    """Values that are fetched when they are asked for, each once. Iteration and length know only what is here already."""

    def __init__(self, fetch: Callable[[list[K]], Mapping[K, V]]) -> None:
        """`fetch` gives the values of these keys, and leaves out those that there are none for."""
        super().__init__()
        self._fetch = fetch
        self._absent: set[K] = set()

    def expect(self, keys: Iterable[K]) -> None:
        """These will be asked for: fetch them at once."""
        holds, absent = super().__contains__, self._absent
        wanted = [key for key in dict.fromkeys(keys) if not holds(key) and key not in absent]
        if wanted:
            found = self._fetch(wanted)
            self.update(found)
            absent.update(key for key in wanted if key not in found)

    def get(self, key: K, default: Any = None) -> Any:
        value = dict.get(self, key)
        if value is None and key not in self._absent:
            self.expect((key,))
            value = dict.get(self, key)
        return default if value is None else value

    def __missing__(self, key: K) -> V:
        value: V | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or self.get(key) is not None  # type: ignore[arg-type]

    def forget_absent(self) -> None:
        """What there was none of is asked for again."""
        self._absent.clear()

    def clear(self) -> None:
        """Let go of everything; what is asked for after that is fetched again."""
        super().clear()
        self._absent.clear()
