"""Whose memories a command is about, and whether they are open to the account that asks."""

from __future__ import annotations

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    DeleteMemory,
    FindRelated,
    GetMemory,
    ListMemories,
    SearchMemories,
)
from afterword.workers.core.errors import Denied
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner

Owned = ListMemories | SearchMemories | FindRelated | GetMemory | AddMemory | DeleteMemory | ClearMemories


class Ownership:
    """A user's memories are open to the user, an agent's to the owner that the registry names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, command: Owned) -> None:
        """Raises: Denied; LedgerUnavailable."""
        if command.user_id is not None:
            if command.by not in (None, command.user_id):
                raise Denied("these memories belong to another user")
            return
        with self._database.transaction() as connection:
            agent = agents.get(connection, command.tenant_id, command.agent_id or "")
        if agent.owner_id is None:
            raise Denied("this agent has no registered owner: run `afterword agents set AGENT --owner ACCOUNT`")
        if command.by != agent.owner_id:
            raise Denied("this agent's memories are open to its owner only: name the account in `by`")


def owner_of(command: Owned) -> Owner:
    """The user, the thread or the agent that a command names."""
    if command.user_id is None:
        return AgentOwner(command.tenant_id, command.agent_id or "")
    if command.session_id is not None:
        return SessionOwner(command.tenant_id, command.user_id, command.session_id)
    return UserOwner(command.tenant_id, command.user_id)
