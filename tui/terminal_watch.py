"""What to do when the terminal is gone: a window was closed, a connection broke.

A program without a controlling terminal is not told, and one that is told may be stuck, since nothing takes what it draws
any more. So a thread of its own waits for it, which costs nothing.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable

GONE = 128 + signal.SIGHUP
"""Exit code of a program whose terminal is gone."""

GRACE = 3.0
"""Seconds in which a program may end by itself."""


def watch_terminal(leave: Callable[[], None]) -> None:
    """Call `leave`, on a thread, when the terminal at standard input is gone; soon after that, end the process."""
    if os.isatty(0):
        threading.Thread(target=_watch, args=(leave,), daemon=True).start()


def _watch(leave: Callable[[], None]) -> None:
    terminal = select.poll()
    terminal.register(0, 0)  # nothing but that it hung up, which is always told
    terminal.poll()
    leave()
    time.sleep(GRACE)
    os._exit(GONE)
