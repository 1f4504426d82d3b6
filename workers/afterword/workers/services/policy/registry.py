"""The registered agents: who owns them, whether they remember, and which instructions they have.

Requests read them through a cache, so that none waits for another server; operators write them, and each change is told
by the audit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from afterword.schemas.values import Scope
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger import agents, audit
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.database import Database

_KEPT_SECONDS = 10.0
_MOST = 10_000


class AgentRegistry:
    """Reads the registry through a cache of seconds. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Agent]] = {}
        self._lock = threading.Lock()

    def agent(self, tenant_id: str, agent_id: str) -> Agent:
        """The agent's entry, at most ten seconds old; without PostgreSQL the last one known, or the defaults.

        Its `shared_by` are those agents alone whose memories it is given now.
        """
        known, is_fresh = self.known(tenant_id, agent_id)
        if is_fresh:
            return known
        try:
            with self._database.transaction() as connection:
                known = agents.get(connection, tenant_id, agent_id)
                if known.shared_by:
                    known = replace(known, shared_by=agents.lending(connection, tenant_id, known.shared_by))
        except LedgerUnavailable:
            pass
        with self._lock:
            # All at once: that costs each agent one more read, and needs no order of use.
            if len(self._known) >= _MOST:
                self._known.clear()
            # Also after a failure, so that a ledger that is away is not asked again for each request.
            self._known[tenant_id, agent_id] = (self._clock(), known)
        return known

    def known(self, tenant_id: str, agent_id: str) -> tuple[Agent, bool]:
        """The last entry known, or the defaults, and whether it is fresh; waits for nobody."""
        with self._lock:
            read_at, known = self._known.get((tenant_id, agent_id), (float("-inf"), Agent(tenant_id, agent_id)))
        return known, self._clock() - read_at < _KEPT_SECONDS

    def forget(self) -> None:
        """Read every entry anew, when it is asked for next."""
        with self._lock:
            self._known.clear()


class AgentAdmin:
    """Reads and writes the registry as it is now, for an operator.

    >>> admin.register(Agent("default", "coach", owner_id="acme"))  # doctest: +SKIP
    >>> admin.registered("default")  # doctest: +SKIP
    [Agent(tenant_id='default', agent_id='coach', owner_id='acme', memory_enabled=True, ...)]
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, agent: Agent, *, by: str | None = None, keep_owner: bool = False) -> Agent:
        """Register an agent, or replace its entry, at the request of an account; the entry as it is from now on.

        With `keep_owner` an entry that names no owner leaves the agent to the one it has.

        Raises: LedgerUnavailable.
        """
        with self._database.transaction() as connection:
            # Else somebody who edits the entry could take it back from whom it is handed on to just now.
            if keep_owner and agents.lock(connection, agent.tenant_id, agent.agent_id) and agent.owner_id is None:
                agent = replace(agent, owner_id=agents.get(connection, agent.tenant_id, agent.agent_id).owner_id)
            agents.put(connection, agent)
            audit.write(connection, [_updated(agent, by)])
            return agents.get(connection, agent.tenant_id, agent.agent_id)

    def registered(
        self, tenant_id: str, *, after: str = "", limit: int | None = None, account: str | None = None
    ) -> list[Agent]:
        """The registered agents of a tenant, by id; those that follow `after`, and at most `limit`. With `account` only
        those in which it has a role.

        Raises: LedgerUnavailable.
        """
        with self._database.transaction() as connection:
            return agents.every(connection, tenant_id, after=after, limit=limit, account=account)

    def find(self, tenant_id: str, agent_id: str) -> Agent | None:
        """The entry of an agent; None where nobody registered it. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            return agents.find(connection, tenant_id, agent_id)


def _updated(agent: Agent, by: str | None) -> audit.Event:
    # The instructions themselves stay out: the audit holds nothing that was written for people or models to read.
    told: dict[str, object] = {
        "owner": agent.owner_id,
        "memory": agent.memory_enabled,
        "instructions": agent.instructions is not None,
    }
    if agent.time_zone is not None:
        told["time_zone"] = agent.time_zone
    if agent.scopes != tuple(Scope):
        told["scopes"] = [scope.value for scope in agent.scopes]
    if by is not None:
        told["by"] = by
    return audit.Event("agent_update", tenant_id=agent.tenant_id, agent_id=agent.agent_id, metadata=told)
