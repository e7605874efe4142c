"""Client library for agents: `from treetop import Publisher`.

The package imports neither the store nor the terminal program. `python -m treetop` starts the terminal program.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treetop.address import AddressError
    from treetop.publisher import Publisher

__all__ = ["AddressError", "Publisher"]

_MODULES = {"AddressError": "treetop.address", "Publisher": "treetop.publisher"}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: the terminal program imports `treetop.address`, but not redis."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
