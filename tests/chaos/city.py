"""Everything that runs: servers, the fake LLM, worker processes and a publisher, each of which may be struck."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.embedded.redis_server import RedisServer
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.migrate import migrate
from tests.chaos.hostile import HostileProducer
from tests.chaos.leavers import Leavers
from tests.chaos.llm import UnreliableLlm
from tests.chaos.story import Story
from tests.support.deployment import Deployment, WorkerProcess
from tests.support.ports import quiet_port
from tests.support.qdrant_face import QdrantFace

ROLES = ("extraction",) * 3 + ("ingest",) * 2 + ("context", "commands", "telemetry", "scheduler")
LEASE = 4.0
PAUSE = LEASE + 2.5
"""How long a worker sleeps: past its lease, and past the silence after which its messages go to others."""
LLM_TIMEOUT = PAUSE + 1.5
"""So that a worker that was paused while it waited finds its answer, and must not use it."""
SETTINGS = {
    "EXTRACT_AFTER": "0.5",
    "EXTRACT_WITHIN": "3",
    "RETRY_AFTER": "0.3",
    "RETRY_WITHIN": "1",
    "MAX_ATTEMPTS": "6",
    "BREAKER_AFTER": "0.5",
    "BREAKER_WITHIN": "3",
    "LLM_TIMEOUT": str(LLM_TIMEOUT),
    "LEASE": str(LEASE),
    "MAX_HOLD": "30",
    "SHUTDOWN_GRACE": "5",
}
_ROOT = Path(__file__).parents[2]
_MEMORY = Path("/dev/shm")
"""Where the vector store's flushes cost the machine nothing."""


@dataclass
class Slot:
    """A worker's place: there is always a process in it, but for the moment of its restart."""

    role: str
    deployment: Deployment
    worker: WorkerProcess
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Start the next process; not awaited."""
        [self.worker] = self.deployment.start(self.role, ready=False)


class Publisher:
    """The publisher's process. `rate` is in events a second."""

    def __init__(self, folder: Path, redis_url: str, rate: float) -> None:
        self.folder = folder
        self._command = [sys.executable, "-m", "tests.chaos.publisher", str(folder), redis_url, str(rate)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "publisher.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=_ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL, unless it has done its work."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def is_done(self) -> bool:
        """Whether everything is published. Raises: AssertionError, when it ended otherwise."""
        status = self._process.poll() if self._process is not None else None
        if status not in (None, 0, -signal.SIGKILL):
            raise AssertionError(f"publisher: {(self.folder / 'publisher.log').read_text()[-2000:]}")
        return status == 0


@dataclass
class City:
    """All of it, started. `database` is the tests' own look into the ledger."""

    deployment: Deployment
    redis: RedisServer
    postgres: PostgresServer
    qdrant: QdrantFace
    llm: UnreliableLlm
    publisher: Publisher
    hostile: HostileProducer
    leavers: Leavers
    database: Database
    slots: list[Slot] = field(default_factory=list)
    woken: list[float] = field(default_factory=list)
    """When paused workers of extraction went on, in seconds since the epoch."""

    def ended_by_themselves(self) -> list[WorkerProcess]:
        """Processes that ended although nobody ended them."""
        expected = (None, 0, -signal.SIGKILL, -signal.SIGTERM)  # the last before it could listen
        return [worker for worker in self.deployment.workers if worker.process.poll() not in expected]


@contextmanager
def opened(folder: Path, story: Story, *, seed: int, rate: float, leavers: int) -> Iterator[City]:
    """Servers and workers, their logs in `folder`; all of it ends with the block. The publisher is not started."""
    vectors = Path(tempfile.mkdtemp(prefix="afterword-chaos-", dir=_MEMORY if _MEMORY.is_dir() else None))
    (folder / "events.jsonl").write_text("".join(f"{event.model_dump_json()}\n" for event in story.events))
    # `always`: what Redis has acknowledged survives its death, so that the sets can be compared exactly.
    redis = RedisServer(folder / "redis", quiet_port(), extra_arguments=("--appendfsync", "always"))
    postgres, qdrant, llm = PostgresServer(folder / "postgres"), QdrantFace(vectors, quiet_port()), UnreliableLlm(seed)
    database = Database(postgres.url)
    try:
        for server in (redis, postgres, qdrant, llm):
            server.start()
        migrate(database)
        settings = {f"AFTERWORD_{name}": value for name, value in SETTINGS.items()}
        deployment = Deployment(folder, redis, postgres.url, qdrant, llm, settings=settings)
        hostile = HostileProducer(redis.url, random.Random(seed))
        leaving = Leavers(redis.url, leavers, random.Random(seed))
        publisher = Publisher(folder, redis.url, rate)
        city = City(deployment, redis, postgres, qdrant, llm, publisher, hostile, leaving, database)
        try:
            workers = deployment.start(*ROLES)
            city.slots = [Slot(worker.role, deployment, worker) for worker in workers]
            yield city
        finally:
            city.publisher.kill()
            deployment.stop()
    finally:
        database.close()
        for server in (llm, qdrant, postgres, redis):
            server.stop()
        shutil.rmtree(vectors, ignore_errors=True)
