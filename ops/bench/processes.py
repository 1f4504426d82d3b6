"""Processes that a benchmark starts, and stops again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import psutil

from afterword.workers.core.errors import Misconfigured

_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 30.0
_TICK = 0.01
"""Seconds: the processor time of another process is told in hundredths."""


class Child(Protocol):
    """The part of `subprocess.Popen` that benchmarks use."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Process:
    """A process of ours, and its log."""

    child: Child
    log: Path

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Raises: Misconfigured, with the end of its log, when it ends or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise Misconfigured(f"{self.log.stem}: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def cpu_seconds(self) -> float:
        """Processor time that it has used, of all its threads."""
        times = psutil.Process(self.child.pid).cpu_times()
        return times.user + times.system

    def cpu_seconds_since(self, before: float) -> float:
        """Processor time used since `cpu_seconds` gave `before`; at least a tick, which a few calls may not take."""
        return max(self.cpu_seconds() - before, _TICK)

    def resident_bytes(self) -> int:
        """Memory that it has in RAM."""
        return int(psutil.Process(self.child.pid).memory_info().rss)


@contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A process until the block ends; its environment is ours, without settings of ours, plus `environment`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AFTERWORD_", "OPENAI_"))}
    with log.open("wb") as output:
        child = start(command, {**inherited, **(environment or {})}, output)
    try:
        yield Process(child, log)
    finally:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def start(command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> Child:
    """A process in the project's folder. The tests replace this: theirs come from a process that has imported all."""
    return subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)


def printed(command: Sequence[str], log: Path) -> str:
    """The last line that a process prints before it ends. Raises: Misconfigured, when it prints none."""
    with running(command, log) as process:
        process.child.wait()
    lines = log.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise Misconfigured(f"{log.stem}: printed nothing")
    return lines[-1]


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"ops.bench.{name}", *arguments]


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
