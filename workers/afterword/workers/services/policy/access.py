"""Who may give which command: the one place that says so.

| a command about | is open to |
|---|---|
| a tenant (`ListUsers`, `FindOwners`, `GetOverview`) | every caller of the tenant |
| all agents of the registry (`ListAgents` without `by`) | admins: the door checks the role |
| policies (`SetPolicy`, `GetPolicy`, `ListPolicies`, `RunPolicies`) | admins: the door checks the role |
| the deployment: health, keys, dead letters, a scan for what is left of a user | operators: the door checks the role |
| whose key it is (`CheckKey`) | the door, which asks before it knows the caller |
| a user: memories, a thread's memories, figures, a conversation, their erasure | that user |
| how far an erasure is (`GetErasure`) | whoever knows its id, 122 random bits |
| an agent's memories | the accounts with a role in it, as `NEEDED` says; nobody else, admins included |
| an agent's entry, members and shares | the same, and without `by` admins: the door checks the role |

A command names the account that asks in `by`. Without `by` the caller speaks for the user, or manages the registry as
an admin; an agent's memories are open to nobody without it. Callers are not authenticated here: whoever reaches Redis
may write any name, and give the commands of operators as well. Redis is the border of trust. A door before it, such as
the HTTP gateway, knows who calls, and lets through what its caller's roles allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from afterword.schemas.command import Command, OfAgent, OfUser, Owned
from afterword.schemas.commands import (
    AddMemory,
    DeleteMemory,
    FindRelated,
    GetDeletion,
    GetHistory,
    GetMemory,
    GetProvenance,
    ListMemories,
    RestoreMemory,
    SearchMemories,
    UpdateMemory,
)
from afterword.schemas.registry import (
    AgentRole,
    GetAgent,
    ListAgentMembers,
    RemoveAgentMember,
    SetAgent,
    ShareAgent,
    UnshareAgent,
)
from afterword.workers.core.errors import Denied
from afterword.workers.stores.ledger import agent_members, agents
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner

NEEDED: Final[Mapping[type[Command], AgentRole]] = {
    ListMemories: AgentRole.READER,
    SearchMemories: AgentRole.READER,
    FindRelated: AgentRole.READER,
    GetMemory: AgentRole.READER,
    GetHistory: AgentRole.READER,
    GetProvenance: AgentRole.READER,
    GetDeletion: AgentRole.READER,
    GetAgent: AgentRole.READER,
    ListAgentMembers: AgentRole.READER,
    AddMemory: AgentRole.EDITOR,
    UpdateMemory: AgentRole.EDITOR,
    RestoreMemory: AgentRole.EDITOR,
    DeleteMemory: AgentRole.EDITOR,
    SetAgent: AgentRole.EDITOR,
}
"""The role that a command about an agent needs. Any other, such as a clear, a member or a share, needs its owner."""

_RANKS: Final = {role: rank for rank, role in enumerate(reversed(AgentRole))}


class Access:
    """Refuses commands of accounts that may not give them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, command: Command) -> None:
        """Raises: Denied; LedgerUnavailable, when the roles in an agent cannot be looked up."""
        match command:
            case OfUser() if command.by not in (None, command.user_id):
                raise Denied("this is about another user: only they may ask it")
            case Owned(user_id=None):
                self._check_memories(command)
            case Owned() if command.by not in (None, command.user_id):
                raise Denied("these memories belong to another user")
            case OfAgent() if command.by is not None:
                self._check_entry(command, command.by)

    def _check_memories(self, command: Owned) -> None:
        agent_id = command.agent_id or ""
        with self._database.transaction() as connection:
            role = _role(connection, command.tenant_id, agent_id, command.by) if command.by else None
            owned = role is not None or agents.get(connection, command.tenant_id, agent_id).owner_id is not None
        # Not open to everybody: what an agent learned comes from all of its users.
        if not owned:
            raise Denied("this agent has no registered owner: run `afterword agents set AGENT --owner ACCOUNT`")
        if role is None:
            raise Denied("this agent's memories are open to its owner, editors and readers: name the account in `by`")
        _require(NEEDED.get(type(command), AgentRole.OWNER), role)

    def _check_entry(self, command: OfAgent, account: str) -> None:
        with self._database.transaction() as connection:
            role = _role(connection, command.tenant_id, command.agent_id, account)
            other = None
            if isinstance(command, ShareAgent | UnshareAgent):
                other = _role(connection, command.tenant_id, command.with_agent_id, account)
            owner_id = agents.get(connection, command.tenant_id, command.agent_id).owner_id
        match command:
            case UnshareAgent() if _is_at_least(AgentRole.EDITOR, other):
                # Whoever answers for an agent's prompts may always keep something out of them.
                return
            case RemoveAgentMember() if command.account == account and role is not None:
                return
        _require(NEEDED.get(type(command), AgentRole.OWNER), role)
        match command:
            case SetAgent() if command.owner_id not in (None, owner_id):
                _require(AgentRole.OWNER, role)
            case ShareAgent() if not _is_at_least(AgentRole.EDITOR, other):
                raise Denied("this needs the role editor in the agent that it is shared with, too")


def _role(connection: Connection, tenant_id: str, agent_id: str, account: str) -> AgentRole | None:
    """The role of an account in an agent; None where it has none, and in an agent that is not registered."""
    agent = agents.find(connection, tenant_id, agent_id)
    if agent is None:
        return None
    if agent.owner_id == account:
        return AgentRole.OWNER
    return agent_members.role_of(connection, tenant_id, agent_id, account)


def _is_at_least(needed: AgentRole, role: AgentRole | None) -> bool:
    return role is not None and _RANKS[role] >= _RANKS[needed]


def _require(needed: AgentRole, role: AgentRole | None) -> None:
    if not _is_at_least(needed, role):
        raise Denied(f"this needs the role {needed} in this agent")


def asker_of(command: Command) -> str | None:
    """The account that asked, for the audit: as the door names it, else the one in `by`."""
    by = command.by if isinstance(command, Owned | OfUser | OfAgent) else None
    return command.asked_by or by


def owner_of(command: Owned) -> Owner:
    """The user, the thread or the agent whose memories a command is about."""
    if command.user_id is None:
        return AgentOwner(command.tenant_id, command.agent_id or "")
    if command.session_id is not None:
        return SessionOwner(command.tenant_id, command.user_id, command.session_id)
    return UserOwner(command.tenant_id, command.user_id)
