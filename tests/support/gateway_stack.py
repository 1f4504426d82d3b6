"""The gateway over real servers and the workers' own services, in this process: a door to knock at."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
from redis import Redis

from afterword.gateway.serving import GatewayServer
from afterword.gateway.settings import GatewaySettings
from afterword.producers import Memory, MemoryClient
from afterword.schemas.keys import CallerRole
from afterword.workers.embedded.redis_server import RedisServer
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.support.fake_openai import FakeOpenAI
from tests.support.waiting import wait_until

SECRET = "a secret of the tests, longer than 32 bytes"
ROLES = (Role.INGEST, Role.EXTRACTION, Role.CONTEXT, Role.COMMANDS)


def token(account: str, *roles: str, tenant: str = "default", seconds: float = 3600, **claims: Any) -> str:
    """A token of the tests' issuer; without roles, a user's."""
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    said = {"sub": account, "tenant": tenant, "roles": list(roles or ("user",)), "aud": "afterword", "exp": expires}
    return jwt.encode({**said, **claims}, SECRET, algorithm="HS256")


def new_user(name: str = "user") -> str:
    """An id that no other test has: the stores are shared."""
    return f"{name}-{uuid4().hex[:8]}"


class GatewayStack:
    """Redis, ledger, memories, workers and the gateway, shared by all tests of a process: each has users of its own.

    >>> with stack.http(token("ann")) as http:  # doctest: +SKIP
    ...     http.get("/api/v1/memories").json()
    """

    def __init__(self, folder: Path, redis: RedisServer, ledger_url: str, openai: FakeOpenAI) -> None:
        self.redis_url = redis.url
        self.openai = openai
        self.house = House(
            Settings(
                postgres_url=ledger_url,
                redis_url=redis.url,
                edge_path=folder / "memories",
                embedder="hashing",
                llm_model="fake-model",
                llm_base_url=openai.url,
                extract_after=0.0,
            )
        )
        self.house.collections.prepare()
        self._roles = [start_role(role, self.house) for role in ROLES]

    def settings(self, **changes: Any) -> GatewaySettings:
        """The settings of a gateway in front of this stack."""
        return GatewaySettings(**{"redis_url": self.redis_url, "port": 0, "jwt_secret": SECRET, **changes})

    @cached_property
    def server(self) -> GatewayServer:
        """The gateway, answering at a port of its own."""
        server = GatewayServer(self.settings())
        server.start()
        return server

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return self.server.url

    @property
    def quiet_url(self) -> str:
        """A database of the same Redis that no worker looks at."""
        return self.redis_url.removesuffix("/0") + "/1"

    def quiet_redis(self) -> Redis:
        """That database, empty."""
        client = Redis.from_url(self.quiet_url)
        client.flushdb()
        return client

    @contextmanager
    def serving(self, **changes: Any) -> Iterator[str]:
        """The URL of one more gateway, with other settings."""
        server = GatewayServer(self.settings(**changes))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()

    def http(self, credential: str | None = None, *, url: str | None = None) -> httpx.Client:
        """A client of the gateway with this token or key."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        # Not the environment's proxies and certificates, which take a tenth of a second to read.
        return httpx.Client(base_url=url or self.url, headers=headers, timeout=30, trust_env=False, verify=False)

    def agent(self) -> httpx.Client:
        """A client that speaks for every user of the tenant."""
        return self.http(token("an-agent", CallerRole.AGENT))

    def own_agent(self, agent_id: str, owner_id: str, tenant: str = "default") -> None:
        """Write into the registry who owns an agent."""
        with self.house.stores.database.transaction() as connection:
            agents.put(connection, Agent(tenant, agent_id, owner_id))

    def until_remembered(self, user_id: str, text: str, tenant: str = "default") -> Memory:
        """Wait until a user has a memory that holds this text."""
        found: list[Memory] = []
        with MemoryClient(self.redis_url, tenant_id=tenant) as client:

            def is_there() -> bool:
                found[:] = [each for each in client.memories.iterate(user_id=user_id) if text in each.text]
                return bool(found)

            wait_until(is_there, 30, f"a memory of {user_id}")
        return found[0]

    def close(self) -> None:
        if "server" in self.__dict__:
            self.server.stop()
        with ThreadPoolExecutor() as pool:
            for role in self._roles:
                pool.submit(role.stop, 5)
        self.house.close()
