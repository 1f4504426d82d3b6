"""Processes that are forked from one which has imported everything: commands of ours, and modules.

Each is a process of its own, with its own arguments, environment, output, signals and exit status. It lacks the two
seconds of processor time that a new interpreter spends on imports: the suite starts some hundreds of them.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

_PRELOADED = ["tests.support.preloaded", "pytest"]  # without xdist, pytest is the main module of each child
# multiprocessing looks after its children from whichever thread starts another, and reads an exit status once only.
_children = threading.Lock()


class Forked:
    """A process with the part of `subprocess.Popen` that tests and benchmarks use."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], output: Path, errors: Path | None = None
    ) -> None:
        """Start `afterword …`, or a module (`python -m …`). Its standard error goes to `errors`, or to `output` too."""
        self.command = tuple(command)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        given = (self.command, dict(environment), str(output), str(errors) if errors else None)
        self._process = context.Process(target=_become, args=given, daemon=True)
        with _children:
            self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, negative for the signal that ended it; None while it runs."""
        with _children:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises: subprocess.TimeoutExpired."""
        wait([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.command, timeout or 0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM, unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def start(command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> Forked:
    """Start a process of a benchmark, in its test."""
    return Forked(command, environment=environment, output=Path(output.name))


def run(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it prints passes through files in `folder`. Raises: subprocess.TimeoutExpired."""
    name = f"command-{threading.get_ident()}"
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    process = Forked(command, environment=environment, output=output, errors=errors)
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.command, status, output.read_text(), errors.read_text())


def _become(command: Sequence[str], environment: Mapping[str, str], output: str, errors: str | None) -> None:
    """Run the command in this child, as a new interpreter would."""
    os.environ.clear()
    os.environ.update(environment)
    _write_to(output, 1)
    _write_to(errors, 2) if errors else os.dup2(1, 2)
    program, *arguments = command
    if arguments[:1] == ["-m"]:
        sys.argv = [program, *arguments[2:]]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    from afterword.cli import main

    sys.argv = [program, *arguments]
    main()


def _write_to(file: str, descriptor: int) -> None:
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(opened, descriptor)
    os.close(opened)
