"""Child processes that run a module of treetop. The child executes this file as a script.

A child must not import from the current directory, as `python -m` does: any directory may contain a package `tui`, `store`
or `redis`. `-P` removes the directory from the import path. The script then adds its own root, for a checkout that is not
installed.
"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
"""The directory of the packages `tui`, `store` and `treetop`: site-packages, or a checkout."""


def child_command(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of treetop in a new process, in any directory."""
    return (sys.executable, "-P", __file__, module, *arguments)


def _run() -> None:
    """Run the module named by the first argument as `python -m` would, with the remaining arguments."""
    from runpy import run_module

    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    del sys.argv[0]
    run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run()
