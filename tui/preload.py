"""Imports of modules that the first picture does not need, after it was drawn."""

import asyncio
import gc
from importlib import import_module

MODULES = (
    "tui.commands",
    "tui.screens.run",
    "tui.screens.all_runs",
    "tui.screens.problems",
    "tui.screens.now",
    "tui.screens.help",
    "tui.screens.run_deletion",
    "tui.screens.confirm",
    "store.database.deletion",
    "store.database.retention",
    "store.database.work_times",
    "store.model.dependency",
    "textual.scrollbar",
    "textual.system_commands",
)
"""Modules that are imported at the first use otherwise. By then an upgrade may have replaced the package."""


async def preload() -> None:
    """Import MODULES, then enable the garbage collector, which `treetop [RUN]` disabled for the start."""
    for name in MODULES:
        await asyncio.to_thread(import_module, name)
    gc.enable()
