"""Paths of a service that bridges to mem0's cloud: users with their counts, a fast search, a memory by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from afterword.gateway.answers import READING, WRITING, problems
from afterword.gateway.compat.agent_platform import DEFAULT_SHOWN
from afterword.gateway.compat.mem0.shapes import Json, mem0_memory
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.answers import UserCount
from afterword.schemas.command import MAX_PAGE
from afterword.schemas.commands import MAX_RANKED
from afterword.schemas.keys import CallerRole
from afterword.schemas.values import GivenMetadata, Text
from afterword.schemas.values import Query as Words

router = APIRouter(tags=["compat"])


class CountedUsers(BaseModel):
    """Users by id, and how many memories each has; ask for the others with `cursor`."""

    users: list[UserCount]
    total: int = Field(description="How many are in this answer.")
    next_cursor: str | None = None


class BridgeQuestion(BaseModel):
    """A search: the question, and whose memories. `topic` narrows it to one of Afterword's topics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: Annotated[Words, Field(min_length=1)]
    user_id: str | None = None
    topic: str | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_RANKED)] = DEFAULT_SHOWN


class FoundMemories(BaseModel):
    """Memories in mem0's shape, best first."""

    results: list[Json]
    total: int


class BridgeMemory(BaseModel):
    """A memory to write by hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: Text
    user_id: str | None = None
    metadata: GivenMetadata = Field(default_factory=dict)


class AddedMemory(BaseModel):
    """The memory as stored."""

    id: str
    memory: Json


@router.get("/list_users", responses=problems(READING))
async def list_users(
    visit: Visiting,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    cursor: Annotated[str | None, Query()] = None,
) -> CountedUsers:
    """The users of the tenant."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    page = await visit.client.memories.users(limit=limit, cursor=cursor, timeout=visit.settings.command_seconds)
    return CountedUsers(users=list(page.users), total=len(page.users), next_cursor=page.next_cursor)


@router.get("/search", responses=problems(READING))
async def search_by_address(visit: Visiting, question: Annotated[BridgeQuestion, Query()]) -> FoundMemories:
    """A user's memories about `query`."""
    return await _found(visit, question)


@router.post("/search", responses=problems(WRITING))
async def search_by_body(visit: Visiting, question: BridgeQuestion) -> FoundMemories:
    """The same, with a question that is not written into logs of addresses."""
    return await _found(visit, question)


@router.post("/add_memory", status_code=201, responses=problems(WRITING))
async def add_by_hand(visit: Visiting, given: BridgeMemory) -> AddedMemory:
    """Write a memory by hand."""
    fields = visit.memories_of({"user_id": given.user_id, "metadata": given.metadata or None})
    memory = await visit.client.memories.add(given.memory, **fields)
    return AddedMemory(id=memory.id, memory=mem0_memory(memory))


async def _found(visit: Visit, question: BridgeQuestion) -> FoundMemories:
    fields = visit.memories_of({"user_id": question.user_id})
    page = await visit.client.memories.search(question.query, topic=question.topic, limit=question.limit, **fields)
    return FoundMemories(results=[mem0_memory(memory) for memory in page.memories], total=len(page.memories))
