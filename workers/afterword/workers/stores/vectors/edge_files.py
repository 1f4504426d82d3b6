"""The files of an embedded store: who holds their folder, how large they are, and writes that a kill leaves whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def held_alone(folder: Path, *, at_once: bool = False) -> Iterator[None]:
    """Hold a folder, or nothing where there is none. Raises: BlockingIOError, with `at_once`, when it is held."""
    if not folder.exists():
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if at_once else 0))
        yield
    finally:
        os.close(descriptor)


def sync_names(folder: Path) -> None:
    """Have the names in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_bytes(folder: Path) -> int:
    """What the files of a folder take of the disk."""
    # Blocks, not lengths: the engine's files are sparse. One may go while they are looked at.
    found = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            found += file.stat().st_blocks * 512
    return found


def write_atomically(file: Path, text: str) -> None:
    """Write a file that holds, whatever happens, the old text or the new one."""
    unfinished = file.with_suffix(".new")
    with unfinished.open("w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    unfinished.rename(file)
