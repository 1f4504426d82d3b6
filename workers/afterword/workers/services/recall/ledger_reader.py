"""Reads the ledger for recall: the agent of a request, and the last turns of a user."""

from __future__ import annotations

from contextlib import suppress

from afterword.schemas import ContextRequest, Scope
from afterword.workers.core.errors import Late
from afterword.workers.services.memories.excerpts import excerpts_of
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.services.policy.wishes import Objections
from afterword.workers.services.recall.steps import Deadline, Steps
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.vectors.payload import StoredMemory

_CONVERSATIONS = 5

_REGISTRY = 0.2
"""The part of the time left that the registry of agents may take; every answer waits for it."""

_LAST_TURNS = 0.8
"""The part of the time left that the last turns may take; nothing but the reply comes after them."""


class LedgerReader:
    """Reads the ledger within the time of an answer."""

    def __init__(
        self,
        *,
        database: Database,
        registry: AgentRegistry,
        objections: Objections,
        steps: Steps,
        memory_enabled: bool,
    ) -> None:
        self._database = database
        self._registry = registry
        self._objections = objections
        self._steps = steps
        self._memory_enabled = memory_enabled

    def memory_is_off(self, request: ContextRequest) -> bool:
        """Whether memory is switched off for everybody, or for the request's user."""
        return not self._memory_enabled or self._objections.hold_for(request.tenant_id, request.user_id)

    def agent_of(self, request: ContextRequest, deadline: Deadline) -> Agent:
        """The request's agent, and the agents that share with it now; of a request without one, the defaults.

        A registry that is too slow answers as it last did.
        """
        if not request.agent_id:
            return Agent(request.tenant_id, "")
        return self._agent(request.tenant_id, request.agent_id, deadline)

    def last_turns(self, request: ContextRequest, deadline: Deadline) -> list[StoredMemory]:
        """The user's last turns that are still kept, newest first, as their excerpts; none when the request does not
        ask for the user's memories.

        Raises: LedgerUnavailable, Late.
        """
        return self._steps.run(lambda: self._turns(request), deadline.share(_LAST_TURNS))

    def agents_time_zone(self, request: ContextRequest) -> str | None:
        """The time zone of the users of the request's agent, as last known; waits for nobody."""
        return self._registry.known(request.tenant_id, request.agent_id)[0].time_zone if request.agent_id else None

    def _agent(self, tenant_id: str, agent_id: str, deadline: Deadline) -> Agent:
        agent, is_fresh = self._registry.known(tenant_id, agent_id)
        if not is_fresh:
            # Late, the last entry known holds: whether an agent remembers changes seldom, and the answer has a
            # deadline.
            with suppress(Late):
                agent = self._steps.run(lambda: self._registry.agent(tenant_id, agent_id), deadline.share(_REGISTRY))
        return agent

    def _turns(self, request: ContextRequest) -> list[StoredMemory]:
        if Scope.USER not in request.scopes:
            return []
        with self._database.transaction() as connection:
            last = conversations.recent(connection, request.tenant_id, request.user_id, limit=_CONVERSATIONS)
        return [excerpt.memory for conversation in last for excerpt in reversed(excerpts_of(conversation))]
