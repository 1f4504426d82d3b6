"""Paths of a multi-tenant product's memory service: context and search of a user by GET, their profile, health.

Its `POST /api/v1/memories/search` is the canonical one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from afterword.gateway.answers import READING, problems
from afterword.gateway.compat.agent_platform import DEFAULT_SHOWN, Limit, ShownMemories, UserId, shown
from afterword.gateway.compat.mem0.expressions import categories
from afterword.gateway.compat.mem0.shapes import Json, mem0_memory
from afterword.gateway.visits import Visiting
from afterword.schemas import Memory
from afterword.schemas.context import DEFAULT_LIMIT
from afterword.schemas.keys import CallerRole
from afterword.schemas.values import Query as Words

router = APIRouter(tags=["compat"])

PROFILE_MEMORIES = 200
"""The newest memories that interests and hours are counted from."""

_IN_WORDS: Final[dict[str, Literal["healthy", "degraded", "unhealthy", "unknown"]]] = {
    "ok": "healthy",
    "warning": "degraded",
    "failed": "unhealthy",
    "unknown": "unknown",
}
_INTERESTS = 5
_HOURS = 3


class PersonalContext(BaseModel):
    """The text for the next prompt, and the memories in it."""

    user_id: str
    context: str
    memories: list[Json]
    degraded: list[str] = []


class InteractionPatterns(BaseModel):
    """When and how much somebody talks. Hours are those of their own clock, the busiest first."""

    most_active_hours: list[int]
    topics: dict[str, int]
    average_length: float | None = Field(description="Characters of a memory.")
    conversations: int
    active_days: int
    first_active_on: date | None
    last_active_on: date | None


class CountedProfile(BaseModel):
    """A profile made of figures alone: nobody has written a summary. Empty for a new user."""

    user_id: str
    as_of: datetime
    total_memories: int
    summary: None = None
    key_interests: list[str]
    interaction_patterns: InteractionPatterns
    based_on: Literal["analytics"] = "analytics"
    counted_memories: int = Field(description="The newest so many were looked at for topics and hours.")


class ComponentDetail(BaseModel):
    """One component; `detail` is for people."""

    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    detail: str | None = None


class DetailedHealth(BaseModel):
    """Whether all works, and how each component is: `healthy`, `degraded`, `unhealthy` or `unknown`."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: dict[str, ComponentDetail]


@router.get("/health/detailed", responses=problems((401, 403, 429, 503)))
async def detailed_health(visit: Visiting) -> DetailedHealth:
    """How Redis, the workers and each of their components are. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    found = await visit.door.health.look()
    components = {
        # As the gateway finds them itself, and then as a worker does.
        "redis": ComponentDetail(status="healthy" if found.redis else "unhealthy"),
        "workers": ComponentDetail(status="healthy" if found.workers else "unhealthy", detail=found.error),
    }
    for each in found.health.components:
        components.setdefault(each.component, ComponentDetail(status=_IN_WORDS[each.status], detail=each.detail))
    told = {component.status for component in components.values()}
    worst = "unhealthy" if "unhealthy" in told else "degraded" if told != {"healthy"} else "healthy"
    return DetailedHealth(status=worst, components=components)


@router.get("/api/v1/memories/context/{user_id}", responses=problems(READING))
async def personal_context(
    visit: Visiting,
    user_id: UserId,
    message: Annotated[Words | None, Query(description="The latest message of the user.")] = None,
    agent_id: Annotated[str | None, Query()] = None,
    session_id: Annotated[str | None, Query()] = None,
    language: Annotated[str | None, Query(description="That of the headings, such as `zh`.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = DEFAULT_LIMIT,
) -> PersonalContext:
    """The memories that belong in the next prompt to a user."""
    asked = {"user_id": user_id, "agent_id": agent_id, "session_id": session_id}
    found = await visit.client.context(
        **visit.caller.of_user(asked),
        query=message,
        language=language,
        limit=limit,
        timeout=visit.settings.context_seconds,
    )
    return PersonalContext(
        user_id=user_id,
        context=found.text,
        memories=[mem0_memory(memory) for memory in found.memories],
        degraded=list(found.degraded),
    )


@router.get("/api/v1/memories/search", responses=problems(READING))
async def search_by_get(
    visit: Visiting,
    query: Annotated[Words, Query(min_length=1)],
    user_id: Annotated[str | None, Query(description="The caller, where it is left out and may be.")] = None,
    limit: Limit = DEFAULT_SHOWN,
) -> ShownMemories:
    """A user's memories about `query`, best first, each with its score."""
    return await shown(visit, {"user_id": user_id}, query, limit)


@router.get("/api/v1/users/{user_id}/profile", responses=problems(READING))
async def counted_profile(visit: Visiting, user_id: UserId) -> CountedProfile:
    """A user's profile, as far as figures tell it."""
    fields = visit.caller.of_user({"user_id": user_id})
    told = await visit.client.analytics.user(**fields, timeout=visit.settings.command_seconds)
    page = await visit.client.memories.list(limit=PROFILE_MEMORIES, **visit.memories_of(fields))
    topics = dict(Counter(topic for memory in page.memories for topic in categories(memory)).most_common())
    return CountedProfile(
        user_id=told.user_id,
        as_of=told.as_of,
        total_memories=told.memories,
        key_interests=list(topics)[:_INTERESTS],
        interaction_patterns=InteractionPatterns(
            most_active_hours=_busiest_hours(page.memories),
            topics=topics,
            average_length=round(told.characters / told.memories, 1) if told.memories else None,
            conversations=told.conversations,
            active_days=told.active_days,
            first_active_on=told.first_active_on,
            last_active_on=told.last_active_on,
        ),
        counted_memories=len(page.memories),
    )


def _busiest_hours(memories: Sequence[Memory]) -> list[int]:
    return [hour for hour, _ in Counter(memory.occurred_at.hour for memory in memories).most_common(_HOURS)]
