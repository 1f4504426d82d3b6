"""SIGTERM and SIGINT: a process that is asked to stop ends what it has in work, in order."""

from __future__ import annotations

import signal
import threading

_NOTICED_SECONDS = 0.5
"""How late a signal may be noticed that the kernel gave to another thread than the main one."""


def stop_requested() -> threading.Event:
    """An event that SIGTERM and SIGINT set from now on. To be called in the main thread."""
    stopping = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopping.set())
    return stopping


def wait_for(stopping: threading.Event) -> None:
    """Return once a stop is requested. To be called in the main thread."""
    # Python runs the handlers in the main thread alone, and nothing wakes it for a signal that another thread got. So
    # it goes with one that is sent to a process just after SIGCONT: whoever waited without end would never stop.
    while not stopping.wait(_NOTICED_SECONDS):
        pass
