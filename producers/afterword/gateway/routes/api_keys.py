"""API keys of the tenant: made, listed and revoked by operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.keys import CallerRole, CreateKey, KeyEntry, KeyPage, ListKeys

router = APIRouter(prefix=f"{API}/keys", tags=["keys"])

_KeyId = Annotated[str, Path(min_length=1, description="The id of a key, as listed.")]
_Listed = Annotated[Fields, Depends(query_string(ListKeys, name="KeysQuery"))]
_New = Annotated[Fields, Depends(json_body(CreateKey, name="KeyRequest", without=("key_id", "secret_hash")))]


class ShownKey(BaseModel):
    """A key that was made. `key` is shown here once: only its hash is kept anywhere."""

    key: str = Field(examples=["awk_5f0c2a8f6a1a4a2f_…"])
    entry: KeyEntry


@router.get("", response_model=KeyPage, responses=problems(READING))
async def list_keys(visit: Visiting, query: _Listed) -> Response:
    """A page of the tenant's keys, newest first, without their secrets. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    return json_answer(await visit.client.keys.list(**query, timeout=visit.settings.command_seconds))


@router.post("", status_code=201, response_model=ShownKey, responses=problems(WRITING))
async def create_key(visit: Visiting, body: _New) -> Response:
    """A new key for an account of the tenant. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    told = {**body, "asked_by": visit.caller.account, "timeout": visit.settings.command_seconds}
    made = await visit.client.keys.create(**told)
    return json_answer(ShownKey(key=made.key, entry=made.entry), 201)


@router.delete("/{key_id}", response_model=KeyEntry, responses=problems((*READING, 404)))
async def revoke_key(visit: Visiting, key_id: _KeyId) -> Response:
    """The key opens nothing any more, in some seconds at every gateway. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    revoked = await visit.client.keys.revoke(
        key_id, asked_by=visit.caller.account, timeout=visit.settings.command_seconds
    )
    return json_answer(revoked)
