"""mem0's calls about entities: users, delete_users (and with it reset), and the profile of a user."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request

from afterword.gateway.callers import Fields
from afterword.gateway.compat.mem0.errors import Mem0Route
from afterword.gateway.compat.mem0.ownership import clear_owner
from afterword.gateway.compat.mem0.shapes import Json, mem0_entity, mem0_removed
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas import InvalidInput
from afterword.schemas.command import MAX_PAGE
from afterword.schemas.keys import CallerRole

router = APIRouter(route_class=Mem0Route, include_in_schema=False)

Name = Annotated[str, Path(min_length=1)]

_MOST_PAGES = 10


@router.get("/v1/entities/")
async def users(request: Request, visit: Visiting, after: Annotated[str | None, Query()] = None) -> Json:
    """Who has memories: the users of the tenant, 10,000 at once, and the caller's own agents; `next` has the others.
    For a caller who is a user: that one.
    """
    tenant = visit.caller.tenant_id
    agents: list[str] = []
    if not visit.caller.speaks_for_users:
        fields = visit.caller.of_user({})
        own = await visit.client.analytics.user(**fields, days=1, timeout=visit.settings.command_seconds)
        known, after = {own.user_id: own.memories}, None
    else:
        # Those of others are not listed: `reset` deletes whatever is.
        agents = [] if after else await _own_agents(visit)
        known, after = await _all_users(visit, after)
    results = [mem0_entity("user", name, memories=count, tenant_id=tenant) for name, count in known.items() if count]
    results += [mem0_entity("agent", name, memories=None, tenant_id=tenant) for name in agents]
    further = str(request.url.include_query_params(after=after)) if after else None
    return {"count": len(results), "next": further, "previous": None, "results": results}


async def _all_users(visit: Visit, after: str | None) -> tuple[dict[str, int], str | None]:
    """Users and how many memories each has, and where to go on."""
    known: dict[str, int] = {}
    for _ in range(_MOST_PAGES):
        page = await visit.client.memories.users(limit=MAX_PAGE, cursor=after, timeout=visit.settings.command_seconds)
        known |= {user.user_id: user.memories for user in page.users}
        after = page.next_cursor
        if after is None:
            break
    return known, after


async def _own_agents(visit: Visit) -> list[str]:
    """The agents with memories whose registered owner the caller is."""
    own: list[str] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await visit.client.agents.list(
            limit=MAX_PAGE, cursor=cursor, by=visit.caller.account, timeout=visit.settings.command_seconds
        )
        own += [agent.agent_id for agent in page.agents if agent.owner_id == visit.caller.account]
        cursor = page.next_cursor
        if cursor is None:
            break
    return [agent_id for agent_id in own if await _has_memories(visit, agent_id)]


async def _has_memories(visit: Visit, agent_id: str) -> bool:
    page = await visit.client.memories.list(limit=1, **visit.memories_of({"agent_id": agent_id}))
    return bool(page.memories)


@router.delete("/v2/entities/{kind}/{name}/")
@router.delete("/v1/entities/{kind}/{name}/")
async def delete_entity(visit: Visiting, kind: Literal["user", "agent", "app", "run"], name: Name) -> Json:
    """Remove all memories of a user or of an agent."""
    removed = await clear_owner(visit, _owner(kind, name))
    return mem0_removed("Entity deleted successfully!", pending=removed.pending)


def _owner(kind: str, name: str) -> Fields:
    if kind in ("user", "agent"):
        return {f"{kind}_id": name}
    mend = "a run belongs to a user: delete_all(user_id=…, run_id=…)" if kind == "run" else "apps own no memories"
    raise InvalidInput("entity_type", kind, mend)


@router.get("/v2/entities/user/{name}/profile/")
async def profile(visit: Visiting, name: Name) -> Json:
    """A user's profile, in mem0's words for one that is not made."""
    user_id = visit.caller.of_user({"user_id": name})["user_id"]
    told = {"profile": None, "status": "not_enabled", "updated_at": None, "generation_count": 0}
    return {"entity_type": "user", "entity_id": user_id, **told}


@router.get("/v2/profiles/settings/")
async def profile_settings(visit: Visiting) -> Json:
    """That no profiles are made."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    return {"enabled": False, "capabilities": {}, "entities": {}}
