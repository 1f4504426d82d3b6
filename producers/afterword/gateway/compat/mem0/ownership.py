"""From the id of a memory to its owner: mem0's paths name a memory alone, and our commands an owner as well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from afterword.gateway.callers import Fields
from afterword.gateway.compat.mem0.errors import no_such_memory
from afterword.gateway.visits import Visit
from afterword.schemas import Removed
from afterword.schemas.errors import CommandFailed
from afterword.schemas.keys import CallerRole


async def owners_of(visit: Visit, memory_ids: Sequence[str]) -> list[Fields]:
    """The fields that name the owner of each memory, for a caller who may see all of them.

    Raises: Refused, as if there were none, when one of them is not there or is not theirs.
    """
    visit.caller.require(CallerRole.USER, CallerRole.AGENT, CallerRole.ADMIN)
    found = await visit.client.memories.owners(memory_ids, timeout=visit.settings.command_seconds)
    by_id = {owner.memory_id: owner for owner in found.owners}
    owners: list[Fields] = []
    for memory_id in memory_ids:
        owner = by_id.get(memory_id.lower())
        if owner is None or not _may_see(visit, owner.user_id):
            raise no_such_memory()
        named = {"agent_id": owner.agent_id} if owner.user_id is None else {"user_id": owner.user_id}
        owners.append(visit.memories_of(named))
    return owners


async def clear_owner(visit: Visit, owner: Fields) -> Removed:
    """Remove all memories of an owner whom the caller may speak for. Raises: NotAllowed, InvalidInput."""
    fields = {**visit.memories_of(owner), "timeout": visit.settings.clear_seconds}
    return await visit.client.memories.clear(**fields)


def _may_see(visit: Visit, user_id: str | None) -> bool:
    # Who owns an agent is in the registry, which the workers ask.
    return user_id is None or visit.caller.speaks_for_users or user_id == visit.caller.user_id


@asynccontextmanager
async def as_if_missing() -> AsyncIterator[None]:
    """Tell of an agent's memory that is not the caller's as of one that is not there."""
    try:
        yield
    except CommandFailed as error:
        if error.code in ("denied", "not_found"):
            raise no_such_memory() from None
        raise
