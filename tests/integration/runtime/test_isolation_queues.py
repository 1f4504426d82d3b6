"""Nobody gets what is not theirs over the queues: through the SDK, and with messages that are forged by hand.

Some hundred requests in the suite; `make isolation` sends more than ten thousand.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import redis

from afterword.producers import MemoryClient
from afterword.schemas import wire
from afterword.schemas.catalogue import COMMANDS
from afterword.schemas.command import OfAgent, OfUser, Owned
from afterword.schemas.wire import Queue
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.support.workshop import Workshop, event

REQUESTS = 300 * int(os.environ.get("ISOLATION_TIMES") or 1)
SEED = int(os.environ.get("ISOLATION_SEED") or 13)
AT_ONCE = 50
OPERATORS = ("health", "dead_letters", "keys_", "users_verify", "policies_run")
"""Commands of operators, who are checked at the door: over Redis they are open by design."""


@dataclass(frozen=True)
class Victim:
    """Somebody with a secret, and all ids of theirs that others may have come by."""

    tenant: str
    user: str
    agent: str
    secret: str
    memory: str
    agents_memory: str
    cursor: str


@pytest.fixture
def town(workshop: Workshop, redis_url: str) -> Iterator[tuple[Workshop, list[Victim]]]:
    """Users and agents of the same names in two tenants; nobody of the third has anything."""
    roles = [start_role(role, workshop.house) for role in (Role.COMMANDS, Role.CONTEXT)]
    victims = []
    for tenant in ("first", "second"):
        with MemoryClient(redis_url, tenant_id=tenant) as client:
            for user, agent in (("ann", "coach"), ("bob", "ann")):
                secret = uuid4().hex
                with workshop.database.transaction() as connection:
                    agents.put(connection, Agent(tenant, agent, "owner"))
                memory = client.memories.add(f"Keeps {secret} secret", user_id=user, metadata={"pin": secret}).id
                client.memories.add(f"Has {secret} too", user_id=user, session_id="s1")
                own = client.memories.add(f"Has learned {secret}", agent_id=agent, by="owner").id
                workshop.take_in(event(f"My secret is {secret}.", user=user, tenant_id=tenant, session_id="s1"))
                cursor = client.memories.list(user_id=user, limit=1).next_cursor or ""
                victims.append(Victim(tenant, user, agent, secret, memory, own, cursor))
    yield workshop, victims
    for role in roles:
        role.stop(10)


class Forger:
    """Draws messages of somebody who may be only themselves: of a tenant without data, or a neighbour who is honest
    about their account (`by`), which is all that the workers can check.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._commands = [each for each in COMMANDS if not each.wire_name().startswith(OPERATORS)]

    def draw(self, victim: Victim) -> tuple[Queue, dict[str, Any]]:
        one = self._random.choice
        tenant = one(("third", "third", victim.tenant))
        if tenant == "third":
            return one((self._question, self._command))(victim, tenant, None)
        return self._command(victim, tenant, "mallory")

    def _question(self, victim: Victim, tenant: str, _: str | None) -> tuple[Queue, dict[str, Any]]:
        one = self._random.choice
        body = {
            "user_id": one((victim.user, victim.memory, "*", f"{victim.tenant}/{victim.user}")),
            "agent_id": one((victim.agent, victim.user, None)),
            "session_id": one(("s1", None)),
            "query": one(("What is the secret?", None)),
            "always": True,
            "explain": one((True, False)),
        }
        return Queue.CONTEXT, {**body, **self._envelope(tenant, victim)}

    def _command(self, victim: Victim, tenant: str, by: str | None) -> tuple[Queue, dict[str, Any]]:
        one = self._random.choice
        kinds = self._commands if by is None else [k for k in self._commands if issubclass(k, Owned | OfUser | OfAgent)]
        kind = one(kinds)
        memory = one((victim.memory, victim.agents_memory, victim.memory.upper(), f"{{{victim.memory}}}"))
        fields: dict[str, Any] = {
            "user_id": victim.user,
            "agent_id": victim.agent,
            "session_id": one(("s1", None)),
            "memory_id": memory,
            "memory_ids": [victim.memory, victim.agents_memory],
            "cursor": one((victim.cursor, None)),
            "event_id": one(("e1", victim.memory)),
            "deletion_id": str(self._random.randrange(1, 9)),
            "erasure_id": str(uuid4()),
            "text": "An intruder was here.",
            "query": one(("What is the secret?", None)),
            "metadata": {},
            "memories": [{"id": victim.memory, "text": "An intruder.", "occurred_at": "2026-05-01T12:00:00Z"}],
            "older_than_days": 1,
            "account": "mallory",
            "role": "editor",
            "with_agent_id": one(("ann", "coach")),
            "owner_id": "mallory",
            "rules": {},
            "with_source": False,
            "replaces": one((memory, None)),
        }
        body = {name: value for name, value in fields.items() if name in kind.model_fields}
        if issubclass(kind, Owned):
            gone = one(("user_id", "agent_id"))
            body = {name: value for name, value in body.items() if name != gone}
            if gone == "user_id":
                body.pop("session_id", None)
                body.pop("with_source", None)
        return Queue.COMMANDS, {**body, "by": by, "command": kind.wire_name(), **self._envelope(tenant, victim)}

    def _envelope(self, tenant: str, victim: Victim) -> dict[str, Any]:
        # What a reader might take for the tenant; the field itself is who the forger is.
        odd = {"tenant": victim.tenant, "owner": victim.user, "scope_tenant": victim.tenant}
        extra = dict([self._random.choice(list(odd.items()))])
        return {"tenant_id": tenant, "reply_to": wire.new_reply_key(), "request_id": str(uuid4()), **extra}

    def options(self, victim: Victim) -> dict[str, Any]:
        odd = {"tenant_id": victim.tenant, "reply_to": wire.REPLY_PREFIX, "eta": 0, "by": victim.user}
        return dict(self._random.sample(list(odd.items()), 2))


def belongings(workshop: Workshop) -> list[tuple[str, str]]:
    return sorted((memory.id, memory.text) for memory in workshop.memories() if memory.tenant_id in ("first", "second"))


def put(client: redis.Redis, queue: Queue, body: dict[str, Any], options: dict[str, Any]) -> None:
    message_id = uuid4().hex
    encoded = json.loads(
        wire.encode_json(queue, json.dumps(body), now_ms=int(time.time() * 1000), message_id=message_id)
    )
    encoded["options"] |= options
    for command in wire.enqueue_commands(queue, message_id, json.dumps(encoded).encode()):
        client.execute_command(*command)


def test_nobody_gets_what_is_not_theirs(town: tuple[Workshop, list[Victim]], redis_url: str) -> None:
    workshop, victims = town
    random = Random(SEED)
    forger = Forger(random)
    before, outcomes, leaks = belongings(workshop), Counter[str](), list[tuple[str, Any]]()
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        for _ in range(0, REQUESTS, AT_ONCE):
            asked = []
            for _ in range(AT_ONCE):
                victim = random.choice(victims)
                queue, body = forger.draw(victim)
                put(client, queue, body, forger.options(victim))
                asked.append(body)
            for body in asked:
                found: Any = client.blpop([body["reply_to"]], timeout=20)
                assert found is not None, body
                reply = json.loads(found[1])
                outcomes["ok" if reply["ok"] else reply["error"]["code"]] += 1
                if any(victim.secret in found[1].decode() for victim in victims):
                    leaks.append((str(body.get("command")), body))
        # Through the SDK, which writes no tenant but its own.
        with MemoryClient(redis_url, tenant_id="third") as sdk:
            for victim in victims:
                told = [*sdk.memories.list(user_id=victim.user).memories]
                told += sdk.context(user_id=victim.user, query="What is the secret?").memories
                assert all(victim.secret not in each.text for each in told)
    assert leaks == []
    assert belongings(workshop) == before
    assert outcomes["ok"] > REQUESTS / 5, outcomes
    assert outcomes["denied"] > REQUESTS / 10, outcomes
    assert outcomes["internal"] == 0, outcomes
