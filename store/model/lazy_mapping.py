"""A mapping that loads values on demand. The fold of a run of any size then needs only few nodes in memory."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LazyMapping(dict[K, V]):
    """Loads each value at its first access. Iteration and length cover loaded values only."""

    def __init__(self, load: Callable[[list[K]], Mapping[K, V]]) -> None:
        """`load` returns the values of keys, without the keys that have none. It may return further values."""
        super().__init__()
        self._load = load
        self._absent: set[K] = set()

    def prefetch(self, keys: Iterable[K]) -> None:
        """Load the values of several keys at once."""
        contains, absent = super().__contains__, self._absent
        wanted = [key for key in dict.fromkeys(keys) if not contains(key) and key not in absent]
        if wanted:
            found = self._load(wanted)
            self.update((key, value) for key, value in found.items() if not contains(key))
            absent.update(key for key in wanted if key not in found)

    def get(self, key: K, default: Any = None) -> Any:
        value = dict.get(self, key)
        if value is None and key not in self._absent:
            self.prefetch((key,))
            value = dict.get(self, key)
        return default if value is None else value

    def __missing__(self, key: K) -> V:
        value: V | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or self.get(key) is not None  # type: ignore[arg-type]  # any object may be asked for

    def forget_absent(self) -> None:
        """Load keys without a value again at their next access."""
        self._absent.clear()

    def clear(self) -> None:
        """Drop all values. They are loaded again at their next access."""
        super().clear()
        self._absent.clear()
