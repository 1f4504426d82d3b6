"""Servers of a benchmark's own, and real worker processes over them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.embedded.redis_server import RedisServer, free_port
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.migrate import migrate
from ops.bench.processes import Process, answers, module, running

_AFTERWORD = str(Path(sys.executable).with_name("afterword"))


@dataclass(frozen=True, slots=True)
class LlmServer:
    """A process that stands in for an LLM, and the base URL of its API."""

    process: Process
    url: str


class Servers:
    """A Redis with AOF and a PostgreSQL whose ledger is migrated."""

    def __init__(self, folder: Path, *, redis_url: str, postgres_url: str, database: Database) -> None:
        self.folder = folder
        self.redis_url = redis_url
        self.postgres_url = postgres_url
        self.database = database

    @contextmanager
    def worker(
        self, role: str, *, store: str, program: Sequence[str] | None = None, **settings: str
    ) -> Iterator[Process]:
        """A ready `afterword worker` of this role, with settings at their defaults but for the models (an embedder
        that hashes) and `settings` (by their names, lower case).

        `store` names the folder of its vectors: only one process at a time may have it open. `program` is another than
        `afterword worker` that plays a role.
        """
        port = free_port()
        given = {
            "redis_url": self.redis_url,
            "postgres_url": self.postgres_url,
            "edge_path": str(self.folder / store),
            "probe_port": str(port),
            "embedder": "hashing",
            "llm_api_key": "none",
            **settings,
        }
        environment = {f"AFTERWORD_{name.upper()}": value for name, value in given.items()}
        log = self.folder / f"{role}-{port}.log"
        with running([*(program or (_AFTERWORD, "worker")), "--role", role], log, environment) as process:
            process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
            yield process

    @contextmanager
    def llm(self, seconds: float) -> Iterator[LlmServer]:
        """An LLM that answers after so many seconds."""
        port = free_port()
        url = f"http://127.0.0.1:{port}/v1"
        with running(module("llm", str(port), str(seconds)), self.folder / f"llm-{port}.log") as process:
            process.wait_until(lambda: answers(f"{url}/models"))
            yield LlmServer(process, url)

    @contextmanager
    def embeddings(self, seconds: float) -> Iterator[str]:
        """The base URL of an embedder that hashes, and answers after so many seconds."""
        port = free_port()
        url = f"http://127.0.0.1:{port}/v1"
        with running(module("embeddings", str(port), str(seconds)), self.folder / f"embeddings-{port}.log") as process:
            process.wait_until(lambda: answers(url))
            yield url

    def statuses(self) -> dict[str, int]:
        """How many conversations have each status."""
        with self.database.transaction() as connection:
            return conversations.counts(connection)

    def wait_for_status(self, status: str, count: int, seconds: float = 600.0) -> None:
        """Return once so many conversations have it. Raises: Misconfigured, when that takes too long."""
        self._wait([status], count, seconds)

    def wait_until_settled(self, count: int, seconds: float = 600.0) -> None:
        """Return once so many conversations are done, or had nothing new. Raises: Misconfigured, as above."""
        self._wait(["done", "skipped"], count, seconds)

    def _wait(self, wanted: Sequence[str], count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while sum((found := self.statuses()).get(status, 0) for status in wanted) < count:
            if time.monotonic() > deadline:
                raise Misconfigured(f"not {count} conversations {' or '.join(wanted)} after {seconds:.0f} s: {found}")
            time.sleep(0.1)


class Place:
    """An empty folder for one benchmark, and the servers that it starts there. `points` is how many memories it works
    among, for one that lets that be chosen; None is its own number.
    """

    def __init__(self, folder: Path, points: int | None = None) -> None:
        self.folder = folder
        self.points = points

    @contextmanager
    def servers(self, name: str = "servers") -> Iterator[Servers]:
        """Servers without data, until the block ends. What they and their workers write lies in a folder so named."""
        folder = self.folder / name
        redis, postgres = RedisServer(folder / "redis"), PostgresServer(folder / "postgres")
        folder.mkdir()
        redis.start()
        try:
            postgres.start()
            database = Database(postgres.url)
            migrate(database)
            yield Servers(folder, redis_url=redis.url, postgres_url=postgres.url, database=database)
            database.close()
        finally:
            postgres.stop()
            redis.stop()
