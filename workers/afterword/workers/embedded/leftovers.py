"""Servers that a killed run left behind: stopped before ours start on the same data."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

_SECONDS = 15.0


def end_leftover(pid_file: Path, folder: Path) -> None:
    """End the process whose number the file holds, if it still works in `folder`: numbers are used again."""
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        if Path(process.cwd()).resolve() != folder.resolve():
            return
        process.terminate()
        try:
            process.wait(_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_SECONDS)
