"""`afterword up` as a process: the whole stack, as somebody who tries it starts it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.deployment import AFTERWORD
from tests.support.waiting import wait_until


@contextmanager
def up(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`afterword up` until the block ends, and what it said."""
    log = folder.parent / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [AFTERWORD, "up", "--folder", str(folder), "--redis-port", str(port), "--gateway-port", "0"],
            env={**bare_environment(), "AFTERWORD_PROBE_PORT": "0"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: b"Ctrl-C" in log.read_bytes() or process.poll() is not None, 120, "the stack")
        assert process.poll() is None, log.read_text()
        yield process, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def bare_environment() -> dict[str, str]:
    """This process's environment without anything that Afterword or OpenAI's client would read."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AFTERWORD_", "OPENAI_"))}
