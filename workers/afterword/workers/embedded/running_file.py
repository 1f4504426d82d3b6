"""The file by which a running stack is found: `running.json` in its folder, locked for as long as the stack runs."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from afterword.workers.core.errors import Misconfigured

_NAME = "running.json"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a stack that runs on this machine listens."""

    redis_url: str
    postgres_url: str
    probe_port: int
    pid: int

    @classmethod
    def of(cls, folder: Path) -> RunningStack:
        """The stack that runs in this folder. Raises: Misconfigured, when none does."""
        try:
            with (folder / _NAME).open("r+", encoding="utf-8") as file:
                # A lock that we get says that nobody runs here; closing the file lets go of it. A locked, empty file is
                # that of a stack that still starts.
                if not _lock(file) and (written := file.read()):
                    return cls(**json.loads(written))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Misconfigured(f"{folder} cannot be read: {error.strerror}") from None
        raise Misconfigured(f"no stack runs in {folder}: start one with `afterword up --folder {folder}`")


class RunningFile:
    """The file that a stack holds from its start to its end. When the stack is killed, the system lets go of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the folder. Call this before any server starts: a start ends the servers that a killed run left behind,
        and must not end those of a running stack.

        Raises: Misconfigured, when another process runs a stack in this folder, or the folder cannot be used.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # a+, since w would empty the file of a stack that runs.
            file = (self._folder / _NAME).open("a+", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(f"{self._folder} cannot be used for data: {error.strerror}") from None
        if not _lock(file):
            file.close()
            raise Misconfigured(f"a stack runs in {self._folder} already: stop it first, or use another --folder")
        self._file = file

    def tell(self, *, redis_url: str, postgres_url: str, probe_port: int) -> None:
        """Say where the stack listens."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.write(json.dumps(asdict(RunningStack(redis_url, postgres_url, probe_port, os.getpid()))))
            self._file.flush()

    def release(self) -> None:
        """The stack has stopped."""
        file, self._file = self._file, None
        if file is not None:
            # Emptied, not removed: a stack that starts at this moment may have opened this very file.
            file.truncate(0)
            file.close()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
