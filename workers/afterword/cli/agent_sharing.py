"""Who has a part in an agent: `agents members`, `grant` and `revoke` for accounts, `share` and `unshare` for agents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE, open_ledger
from afterword.schemas.printable import printable

if TYPE_CHECKING:
    from afterword.schemas.registry import AgentMember
    from afterword.workers.services.policy.agent_sharing import AgentSharing

_Tenant = Annotated[str, typer.Option(help="Whose agents.")]
_Folder = Annotated[Path | None, typer.Option(help="The folder of a stack that `afterword up` runs.")]
_Other = Annotated[str, typer.Argument(help="The agent that is given what the first one has learned.")]


def list_members(agent_id: str, tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """The accounts that have a role in an agent, its owner first."""
    _told(folder, lambda sharing: sharing.members(tenant, agent_id))


def grant(
    agent_id: str,
    account: str,
    role: Annotated[str, typer.Argument(help="editor or reader; the owner is set by `agents set --owner`.")],
    tenant: _Tenant = "default",
    folder: _Folder = None,
) -> None:
    """Give an account a role in an agent."""
    from afterword.schemas.registry import AgentRole

    if role not in (AgentRole.EDITOR, AgentRole.READER):
        raise typer.BadParameter("must be editor or reader", param_hint="ROLE")
    wanted = AgentRole(role)
    _told(folder, lambda sharing: sharing.give(tenant, agent_id, account=account, role=wanted, by=COMMAND_LINE))


def revoke(agent_id: str, account: str, tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """Take its role in an agent from an account."""
    _told(folder, lambda sharing: sharing.take(tenant, agent_id, account=account, by=COMMAND_LINE))


def share(agent_id: str, with_agent_id: _Other, tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """Let contexts of another agent hold what this one has learned for itself."""
    _run(folder, lambda sharing: sharing.share(tenant, agent_id, with_agent_id, by=COMMAND_LINE))


def unshare(agent_id: str, with_agent_id: _Other, tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """Share no longer with another agent."""
    _run(folder, lambda sharing: sharing.unshare(tenant, agent_id, with_agent_id, by=COMMAND_LINE))


def _told(folder: Path | None, work: Callable[[AgentSharing], Sequence[AgentMember]]) -> None:
    found: list[AgentMember] = []
    _run(folder, lambda sharing: found.extend(work(sharing)))
    for member in found:
        print(printable(f"{member.account}  {member.role}"))


def _run(folder: Path | None, work: Callable[[AgentSharing], object]) -> None:
    from afterword.workers.services.policy.agent_sharing import AgentSharing

    with open_ledger(folder) as database:
        work(AgentSharing(database))
