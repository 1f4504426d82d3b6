"""The embedded stack: Redis, PostgreSQL, Qdrant Edge and one worker per role, in one process and one folder."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from pydantic import SecretStr

from afterword.workers.core.errors import Misconfigured, WrongEmbedder
from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.embedded.redis_server import FakeRedisServer, RedisServer, find_redis_binary, free_port
from afterword.workers.embedded.running_file import RunningFile
from afterword.workers.runtime import checks
from afterword.workers.runtime.health import Health
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.roles import Role, progress_of, start_role
from afterword.workers.runtime.running import RunningRole
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.stores.ledger.extraction import progress
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.migrate import migrate

logger = logging.getLogger(__name__)


class EmbeddedStack:
    """Started and stopped as a whole. The data in `folder` survives both, and a kill.

    >>> stack = EmbeddedStack(Path(".afterword"), Settings(llm="none", embedder="hashing"))  # doctest: +SKIP
    >>> stack.start()  # doctest: +SKIP
    """

    def __init__(self, folder: Path, settings: Settings, *, redis_port: int | None = None) -> None:
        """`settings` name the models. The addresses of the servers are filled in here."""
        self._folder = folder.resolve()
        self._settings = settings
        self._redis: RedisServer | FakeRedisServer = _redis_server(self._folder / "redis", redis_port or free_port())
        self._postgres = PostgresServer(self._folder / "postgres")
        self._house: House | None = None
        self._roles: list[RunningRole] = []
        self._running = RunningFile(self._folder)
        self._probes: ProbeServer | None = None

    @property
    def redis_url(self) -> str:
        """The URL that an agent sets as AFTERWORD_REDIS_URL."""
        return self._redis.url

    @property
    def postgres_url(self) -> str:
        """The ledger, for a look at it."""
        return self._postgres.url

    @property
    def probe_port(self) -> int:
        """The port of /metrics."""
        return self._probes.port if self._probes else 0

    @property
    def durable(self) -> bool:
        """Whether queued messages survive the process."""
        return isinstance(self._redis, RedisServer)

    def progress(self) -> dict[str, int]:
        """The number of conversations by status. Raises: LedgerUnavailable."""
        if self._house is None:
            return {}
        with self._house.stores.database.transaction() as connection:
            return conversations.counts(connection)

    def welcome(self, models: Sequence[str]) -> str:
        """For the screen, once it is up: the lines on its models, where everything is, what an agent has to set."""
        lines = [
            "Afterword is up.",
            *models,
            *self._late_lines(),
            f"data       {self._folder}" + ("" if self.durable else "  (fakeredis: what is queued is lost at the end)"),
            f"metrics    http://127.0.0.1:{self.probe_port}/metrics",
            f"ledger     {self.postgres_url}",
            "",
            "In the agent's environment:",
            f"  export AFTERWORD_REDIS_URL={self.redis_url}",
            "",
            "Ctrl-C stops it.",
        ]
        return "\n".join(lines)

    def _late_lines(self) -> list[str]:
        """Names the command that learns from what was said before there was an LLM."""
        if self._house is None or self._house.models.llm is None:
            return []
        with self._house.stores.database.transaction() as connection:
            kept = progress.count_verbatim(connection).kept
        command = f"afterword extract --all --folder {shlex.quote(str(self._folder))}"
        return [f"waiting    {kept} conversations came before there was an LLM: `{command}`"] if kept else []

    def start(self) -> None:
        """Start the servers, bring the ledger up to date, start every role.

        Raises: Misconfigured, with everything stopped again.
        """
        self._running.take()
        try:
            self._house = House(self._settings_here())
            self._probes = self._open_probes(self._house)
            self._redis.start()
            self._postgres.start()
            migrate(self._house.stores.database)
            self._prepare_collection(self._house)
            self._roles = [start_role(role, self._house) for role in Role]
            self._house.collections.discovery.at_start()
            self._start_probes(self._house, self._probes)
            self._running.tell(redis_url=self.redis_url, postgres_url=self.postgres_url, probe_port=self._probes.port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the roles, then the servers."""
        if self._probes:
            self._probes.stop()
        with ThreadPoolExecutor() as pool:
            for role in self._roles:
                pool.submit(role.stop, self._settings.shutdown_grace)
        if self._house:
            self._house.close()
        self._postgres.stop()
        self._redis.stop()
        self._roles, self._house, self._probes = [], None, None
        self._running.release()

    def _settings_here(self) -> Settings:
        return self._settings.model_copy(
            update={
                "redis_url": SecretStr(self._redis.url),
                "postgres_url": SecretStr(self._postgres.url),
                "qdrant_url": None,
                "edge_path": self._folder / "qdrant",
            }
        )

    def _prepare_collection(self, house: House) -> None:
        try:
            house.collections.prepare()
        except WrongEmbedder as error:
            into = f"{house.settings.collection}-{house.settings.embedder.replace(':', '-')}"
            folder = f"--folder {shlex.quote(str(self._folder))}"
            copied, then = (
                f"afterword reembed {folder} --into {into}",
                f"AFTERWORD_COLLECTION={into} afterword up {folder}",
            )
            raise Misconfigured(
                f"{error.built_with} made the vectors in {self._folder}, and the embedder is {error.asked_for} now: "
                f"run `{copied}`, then `{then}`"
            ) from None

    @staticmethod
    def _open_probes(house: House) -> ProbeServer:
        settings = house.settings
        return ProbeServer(settings.probe_host, settings.probe_port, registry=house.metrics.exposed())

    def _start_probes(self, house: House, probes: ProbeServer) -> None:
        queues = progress_of(self._roles)
        probes.start(
            is_alive=lambda: all(role.is_alive() for role in self._roles),
            health=Health(
                {**checks.looks(house, get_args(checks.Component)), **queues},
                ["redis", "postgres", "vector_store", *queues],
            ),
        )
        for role, running in zip(Role, self._roles, strict=True):
            house.metrics.up.labels(role).set_function(running.is_alive)


def _redis_server(folder: Path, port: int) -> RedisServer | FakeRedisServer:
    if find_redis_binary() is None:
        logger.warning("no redis-server at hand: using fakeredis, whose queues are lost when the process ends")
        return FakeRedisServer(port)
    return RedisServer(folder, port)
