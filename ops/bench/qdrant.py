"""A stand-in for a Qdrant server: Qdrant Edge behind the server's API, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afterword.workers.embedded.redis_server import free_port
from ops.bench.processes import Process, answers, running


@dataclass(frozen=True, slots=True)
class QdrantServer:
    """The process, and the URL of its API."""

    process: Process
    url: str


@contextmanager
def serving(folder: Path) -> Iterator[QdrantServer]:
    """A server whose collections lie in `folder`; its log lies beside it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.qdrant_face", "--port", str(port), "--path", str(folder)]
    with running(command, folder.with_suffix(".log")) as process:
        url = f"http://127.0.0.1:{port}"
        process.wait_until(lambda: answers(f"{url}/collections"))
        yield QdrantServer(process, url)
