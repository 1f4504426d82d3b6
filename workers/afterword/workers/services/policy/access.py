"""Who may give which command: the one place that says so.

| a command about | is open to |
|---|---|
| a tenant (`ListUsers`, `FindOwners`, `GetOverview`) | every caller of the tenant |
| the registry of agents (`SetAgent`, `ListAgents`, `GetAgent`) | admins: the door checks the role |
| policies (`SetPolicy`, `GetPolicy`, `ListPolicies`, `RunPolicies`) | admins: the door checks the role |
| the deployment: health, keys, dead letters, a scan for what is left of a user | operators: the door checks the role |
| whose key it is (`CheckKey`) | the door, which asks before it knows the caller |
| a user: memories, a thread's memories, figures, a conversation, their erasure | that user |
| how far an erasure is (`GetErasure`) | whoever knows its id, 122 random bits |
| an agent's memories | the account that the agent's registry entry names as its owner |

A command names the account that asks in `by`. Without `by` the caller speaks for the user; an agent is open to nobody
without it. Callers are not authenticated here: whoever reaches Redis may write any name, and give the commands of
operators as well. Redis is the border of trust. A door before it, such as the HTTP gateway, knows who calls, and lets
through what its caller's roles allow.
"""

from __future__ import annotations

from afterword.schemas.command import Command, OfUser, Owned
from afterword.workers.core.errors import Denied
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner


class Access:
    """Refuses commands of accounts that may not give them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, command: Command) -> None:
        """Raises: Denied; LedgerUnavailable, when the owner of an agent cannot be looked up."""
        match command:
            case OfUser() if command.by not in (None, command.user_id):
                raise Denied("this is about another user: only they may ask it")
            case Owned(user_id=None):
                self._check_agent(command)
            case Owned() if command.by not in (None, command.user_id):
                raise Denied("these memories belong to another user")

    def _check_agent(self, command: Owned) -> None:
        with self._database.transaction() as connection:
            agent = agents.get(connection, command.tenant_id, command.agent_id or "")
        # Not open to everybody: what an agent learned comes from all of its users.
        if agent.owner_id is None:
            raise Denied("this agent has no registered owner: run `afterword agents set AGENT --owner ACCOUNT`")
        if command.by != agent.owner_id:
            raise Denied("this agent's memories are open to its owner only: name the account in `by`")


def asker_of(command: Command) -> str | None:
    """The account that asked, for the audit: as the door names it, else the one in `by`."""
    by = command.by if isinstance(command, Owned | OfUser) else None
    return command.asked_by or by


def owner_of(command: Owned) -> Owner:
    """The user, the thread or the agent whose memories a command is about."""
    if command.user_id is None:
        return AgentOwner(command.tenant_id, command.agent_id or "")
    if command.session_id is not None:
        return SessionOwner(command.tenant_id, command.user_id, command.session_id)
    return UserOwner(command.tenant_id, command.user_id)
