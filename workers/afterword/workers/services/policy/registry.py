"""The agents as a context request needs them: remembered for a moment, so that it waits for no other server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger import agents
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
        """The agent's entry, at most ten seconds old; without PostgreSQL the last one known, or the defaults."""
        known, is_fresh = self.known(tenant_id, agent_id)
        if is_fresh:
            return known
        try:
            with self._database.transaction() as connection:
                known = agents.get(connection, tenant_id, agent_id)
        except LedgerUnavailable:
            pass
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[tenant_id, agent_id] = (self._clock(), known)
        return known

    def known(self, tenant_id: str, agent_id: str) -> tuple[Agent, bool]:
        """The last entry known, or the defaults, and whether it is fresh; waits for nobody."""
        with self._lock:
            read_at, known = self._known.get((tenant_id, agent_id), (float("-inf"), Agent(tenant_id, agent_id)))
        return known, self._clock() - read_at < _KEPT_SECONDS
