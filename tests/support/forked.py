"""Processes that are forked from one which has imported everything: they start in a hundredth of the time.

`python -m tests.support.forked` is that one. It reads a request a line, in JSON, and answers with the id of the process
that it forked. A forked process behaves as its command would: arguments, environment and output are its own.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

_ROOT = Path(__file__).parents[2]
_IMPORTED = (
    "afterword.cli",
    "afterword.workers.runtime.process",
    "afterword.workers.runtime.wiring.house",
    "afterword.workers.services.extraction.mem0_memory",
    "afterword.workers.services.extraction.extraction",
    "afterword.workers.stores.vectors.edge",
    "afterword.workers.stores.vectors.server",
    "mem0",
    "ops.bench.bare_worker",
    "ops.bench.echo",
    "ops.bench.embeddings",
    "ops.bench.llm",
    "ops.bench.plain",
    "tests.support.qdrant_face",
)


class Forked:
    """A forked process, with what benchmarks use of `subprocess.Popen`. Its exit code is not known: 0 once it ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(0.01)
        return 0

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """Starts processes by forking. Give `start` where `ops.bench.processes.start` is used."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> Forked:
        """A process that runs a module (`python -m …`) or the `afterword` command."""
        assert self._process.stdin
        assert self._process.stdout
        request = {"command": list(command), "environment": dict(environment), "output": output.name}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Fork no more."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Fork what is asked for until nobody asks any more."""
    for name in _IMPORTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone: nobody here waits for it
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(request: dict[str, Any]) -> None:
    """Run the command, and end with it."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with Path(os.devnull).open("rb") as nothing, Path(request["output"]).open("ab") as output:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.environ.clear()
        os.environ.update(request["environment"])
        _run(request["command"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter would
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(command: Sequence[str]) -> None:
    program, *arguments = command
    if arguments[:1] == ["-m"]:
        sys.argv = [program, *arguments[2:]]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [program, *arguments]
        import_module("afterword.cli").main()


if __name__ == "__main__":
    main()
