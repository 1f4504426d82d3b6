"""Paths of an agent platform: the memories of a user or of an agent, found by a query, and cleared."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from afterword.gateway.answers import READING, problems
from afterword.gateway.callers import Fields
from afterword.gateway.compat.mem0.ownership import clear_owner
from afterword.gateway.compat.mem0.shapes import Json, mem0_memory
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.commands import MAX_RANKED
from afterword.schemas.values import Query as Words

router = APIRouter(prefix="/memory", tags=["compat"])

DEFAULT_SHOWN = 10

UserId = Annotated[str, Path(description="Whose.")]
AgentId = Annotated[str, Path(description="Which agent's own; the caller is its registered owner.")]
Asked = Annotated[Words | None, Query(description="The best about it, best first; without it the newest.")]
Limit = Annotated[int, Query(ge=1, le=MAX_RANKED, description="How many at most.")]


class ShownMemories(BaseModel):
    """Memories in mem0's shape."""

    memories: list[Json]
    total: int = Field(description="How many are in this answer.")


class ClearedMemories(BaseModel):
    """How many memories went. With `pending` the rest goes as soon as a store is back."""

    deleted: int
    pending: bool = False


@router.get("/user/{user_id}", responses=problems(READING))
async def user_memories(
    visit: Visiting, user_id: UserId, query: Asked = None, limit: Limit = DEFAULT_SHOWN
) -> ShownMemories:
    """A user's memories."""
    return await shown(visit, {"user_id": user_id}, query, limit)


@router.get("/agent/{agent_id}", responses=problems(READING))
async def agent_memories(
    visit: Visiting, agent_id: AgentId, query: Asked = None, limit: Limit = DEFAULT_SHOWN
) -> ShownMemories:
    """The memories that an agent has learned for itself."""
    return await shown(visit, {"agent_id": agent_id}, query, limit)


@router.delete("/user/{user_id}", responses=problems(READING))
async def clear_user(visit: Visiting, user_id: UserId) -> ClearedMemories:
    """Remove all memories of a user."""
    return await _cleared(visit, {"user_id": user_id})


@router.delete("/agent/{agent_id}", responses=problems(READING))
async def clear_agent(visit: Visiting, agent_id: AgentId) -> ClearedMemories:
    """Remove all that an agent has learned for itself."""
    return await _cleared(visit, {"agent_id": agent_id})


async def shown(visit: Visit, owner: Fields, query: str | None, limit: int) -> ShownMemories:
    """An owner's memories about `query`; without one, the newest."""
    page = await visit.client.memories.search(query, limit=limit, **visit.memories_of(owner))
    return ShownMemories(memories=[mem0_memory(memory) for memory in page.memories], total=len(page.memories))


async def _cleared(visit: Visit, owner: Fields) -> ClearedMemories:
    removed = await clear_owner(visit, owner)
    return ClearedMemories(deleted=removed.removed, pending=removed.pending)
