"""The process of an embedded server: ended with a bound on the time it takes, also when a killed run left it behind."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

_STOP_SECONDS = 15.0
"""The time to write memory to the disk. Then the process is killed, and the next start recovers the data."""


def end_process(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Send the signal and wait for the end; kill the process if it takes too long."""
    process.send_signal(how)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_leftover(pid_file: Path, folder: Path) -> None:
    """End the server of a run that was killed, before ours starts on the same data.

    The pid file names it. Pids are used again: a process that works in another folder is left alone.
    """
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        # psutil, since `subprocess` waits for children only, and this is the child of a process that is gone.
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if Path(process.cwd()).resolve() != folder.resolve():
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
