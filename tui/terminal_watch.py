"""Ends the program when its terminal is gone: the window was closed, or the connection broke.

SIGHUP is not enough: a program without a controlling terminal does not receive it, and the main thread can be blocked in a
write to the terminal. A separate thread waits for the hangup, at no cost.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable

GONE = 128 + signal.SIGHUP
"""Exit code of a program whose terminal is gone."""

EXIT_TIMEOUT_S = 3.0
"""Seconds between `leave` and the forced end of the process."""


def watch_terminal(leave: Callable[[], None]) -> None:
    """Call `leave`, on a thread, when the terminal at standard input is gone; after EXIT_TIMEOUT_S, end the process."""
    if os.isatty(0):
        threading.Thread(target=_watch, args=(leave,), daemon=True).start()


def _watch(leave: Callable[[], None]) -> None:
    terminal = select.poll()
    terminal.register(0, 0)  # no events except the hangup, which is always reported
    terminal.poll()
    leave()
    time.sleep(EXIT_TIMEOUT_S)
    os._exit(GONE)
