"""The users of a tenant, what each of them wishes, and the clean-up of one's old memories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from afterword.gateway.answers import NDJSON, READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.answers import CleanedUp, UserPage
from afterword.schemas.commands import MAX_KEEP_DAYS, ListUsers
from afterword.schemas.export import ExportLine
from afterword.schemas.keys import CallerRole
from afterword.schemas.users import SetUser, UserWishes

router = APIRouter(prefix=API, tags=["users"])

_UserId = Annotated[str, Path(min_length=1, description="The id of a user.")]
_Wishes = Annotated[Fields, Depends(json_body(SetUser, name="Wishes", without=("user_id",)))]
_Listed = Annotated[Fields, Depends(query_string(ListUsers, name="UsersQuery"))]


@router.get("/users", response_model=UserPage, responses=problems(READING))
async def list_users(visit: Visiting, query: _Listed) -> Response:
    """A page of the tenant's users, by id, and how many memories each has. For agents and admins."""
    visit.caller.require(CallerRole.AGENT, CallerRole.ADMIN)
    return json_answer(await visit.client.memories.users(**query, timeout=visit.settings.command_seconds))


@router.delete("/users/{user_id}/memories/cleanup", response_model=CleanedUp, responses=problems(READING))
async def clean_up_memories(
    visit: Visiting,
    user_id: Annotated[str, Path(description="Whose.")],
    days: Annotated[int, Query(ge=1, le=MAX_KEEP_DAYS, description="Those stored longer ago go.")],
    dry_run: Annotated[bool, Query(description="Only count them.")] = False,
) -> Response:
    """Remove a user's memories that were stored more than `days` ago; `more`: the same request goes on."""
    fields = visit.caller.of_user({"user_id": user_id, "dry_run": dry_run, "asked_by": visit.caller.account})
    told = {**fields, "older_than_days": days, "timeout": visit.settings.clear_seconds}
    return json_answer(await visit.client.memories.cleanup(**told))


@router.get("/users/{user_id}", response_model=UserWishes, responses=problems(READING))
async def get_user(visit: Visiting, user_id: _UserId) -> Response:
    """The wishes of a user: whether anything of them may be remembered."""
    who = visit.caller.of_user({"user_id": user_id})
    return json_answer(await visit.client.users.get(who["user_id"], timeout=visit.settings.command_seconds))


@router.put("/users/{user_id}", response_model=UserWishes, responses=problems(WRITING))
async def set_user(visit: Visiting, user_id: _UserId, body: _Wishes) -> Response:
    """Say whether anything of a user may be remembered. It holds until it is said otherwise, also after a clear."""
    who = visit.caller.of_user({"user_id": user_id})
    done = await visit.client.users.set(
        who["user_id"],
        memory=body["memory_enabled"],
        asked_by=visit.caller.account,
        timeout=visit.settings.command_seconds,
    )
    return json_answer(done)


@router.get(
    "/users/{user_id}/export",
    responses={
        **problems(READING),
        200: {"content": {NDJSON: {}}, "description": "A line for each thing; the last one is `end`."},
    },
    response_class=StreamingResponse,
)
async def export_user(visit: Visiting, user_id: _UserId) -> StreamingResponse:
    """Everything that is kept of a user, as JSON lines (NDJSON). Without the line `end` it is not whole."""
    who = visit.caller.of_user({"user_id": user_id})
    lines = visit.client.users.export(who["user_id"], asked_by=visit.caller.account)
    # Before the answer begins: an error has a status then.
    first = await anext(lines)
    return StreamingResponse(_ndjson(first, lines), media_type=NDJSON)


async def _ndjson(first: ExportLine, others: AsyncIterator[ExportLine]) -> AsyncIterator[str]:
    yield f"{first.model_dump_json(exclude_none=True)}\n"
    async for line in others:
        yield f"{line.model_dump_json(exclude_none=True)}\n"
