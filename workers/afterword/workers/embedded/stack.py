"""The embedded stack: Redis, PostgreSQL, Qdrant Edge and one worker per role, in one process and one folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from pydantic import SecretStr

from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.embedded.redis_server import FakeRedisServer, RedisServer, find_redis_binary, free_port
from afterword.workers.runtime import checks
from afterword.workers.runtime.health import Health
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.roles import Role, progress_of, start_role
from afterword.workers.runtime.running import RunningRole
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
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

    def start(self) -> None:
        """Start the servers, bring the ledger up to date, start every role.

        Raises: Misconfigured, with everything stopped again.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._redis.start()
            self._postgres.start()
            self._house = House(self._settings_here())
            migrate(self._house.stores.database)
            self._house.collections.prepare()
            self._roles = [start_role(role, self._house) for role in Role]
            self._house.collections.discovery.at_start()
            self._start_probes(self._house)
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

    def _settings_here(self) -> Settings:
        return self._settings.model_copy(
            update={
                "redis_url": SecretStr(self._redis.url),
                "postgres_url": SecretStr(self._postgres.url),
                "qdrant_url": None,
                "edge_path": self._folder / "qdrant",
            }
        )

    def _start_probes(self, house: House) -> None:
        settings, queues = house.settings, progress_of(self._roles)
        self._probes = ProbeServer(
            settings.probe_host,
            settings.probe_port,
            registry=house.metrics.registry,
            is_alive=lambda: all(role.is_alive() for role in self._roles),
            health=Health(
                {**checks.looks(house, get_args(checks.Component)), **queues},
                ["redis", "postgres", "vector_store", *queues],
            ),
        )
        self._probes.start()
        for role, running in zip(Role, self._roles, strict=True):
            house.metrics.up.labels(role).set_function(running.is_alive)


def _redis_server(folder: Path, port: int) -> RedisServer | FakeRedisServer:
    if find_redis_binary() is None:
        logger.warning("no redis-server at hand: using fakeredis, whose queues are lost when the process ends")
        return FakeRedisServer(port)
    return RedisServer(folder, port)
