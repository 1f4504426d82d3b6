"""The owners that a memory can have: a user, one of their sessions, or an agent. Pure.

Each owner knows the filter that finds its memories (`where`), the partition of its words, and whether a memory that
came back is its own (`owns`). `str` is for logs and names a user by a pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass

from afterword.schemas.values import Scope
from afterword.workers.core.ids import pseudonym
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.partitions import partition
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Filter, Match


@dataclass(frozen=True, slots=True)
class UserOwner:
    """Everything of a person: what is known of them, their notes and excerpts, and their sessions'."""

    tenant_id: str
    user_id: str

    def __str__(self) -> str:
        return f"user {pseudonym(self.tenant_id, self.user_id)}"

    @property
    def where(self) -> Filter:
        return Filter((Match(c.TENANT, (self.tenant_id,)), Match(c.USER, (self.user_id,))))

    @property
    def partition(self) -> str:
        return partition(self.tenant_id, self.user_id)

    def owns(self, memory: StoredMemory) -> bool:
        of_user = (memory.tenant_id, memory.user_id) == (self.tenant_id, self.user_id)
        return of_user and memory.scope is not Scope.AGENT


@dataclass(frozen=True, slots=True)
class SessionOwner:
    """One thread of a person."""

    tenant_id: str
    user_id: str
    session_id: str

    def __str__(self) -> str:
        return f"session {self.session_id} of {UserOwner(self.tenant_id, self.user_id)}"

    @property
    def where(self) -> Filter:
        return UserOwner(self.tenant_id, self.user_id).where.narrowed(Match(c.SESSION, (self.session_id,)))

    @property
    def partition(self) -> str:
        return partition(self.tenant_id, self.user_id)

    def owns(self, memory: StoredMemory) -> bool:
        of_user = UserOwner(self.tenant_id, self.user_id).owns(memory)
        return of_user and memory.session_id == self.session_id


@dataclass(frozen=True, slots=True)
class AgentOwner:
    """Everything an agent has learned, shared across its users: agent scope only, and nothing that names a user."""

    tenant_id: str
    agent_id: str

    def __str__(self) -> str:
        return f"agent {self.agent_id}"

    @property
    def where(self) -> Filter:
        return Filter(
            (
                Match(c.TENANT, (self.tenant_id,)),
                Match(c.AGENT, (self.agent_id,)),
                Match(c.SCOPE, (Scope.AGENT.value,)),
            )
        )

    @property
    def partition(self) -> str:
        return partition(self.tenant_id, self.agent_id)

    def owns(self, memory: StoredMemory) -> bool:
        of_agent = (memory.tenant_id, memory.agent_id) == (self.tenant_id, self.agent_id)
        return of_agent and memory.scope is Scope.AGENT and memory.user_id is None


Owner = UserOwner | SessionOwner | AgentOwner
