"""mem0's calls about memories: add, search, get_all, get, history, update, delete, delete_all, in batches, ping."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from afterword.gateway.compat.mem0.additions import Notes, Said, read_addition
from afterword.gateway.compat.mem0.bodies import ListBody, SearchBody, owner_to_clear
from afterword.gateway.compat.mem0.clauses import clauses_of
from afterword.gateway.compat.mem0.corrections import Correction, read_correction
from afterword.gateway.compat.mem0.errors import Mem0Route
from afterword.gateway.compat.mem0.finding import Mem0Finder
from afterword.gateway.compat.mem0.ownership import as_if_missing, clear_owner, owners_of
from afterword.gateway.compat.mem0.shapes import Json, mem0_added, mem0_history, mem0_memory, mem0_queued, mem0_removed
from afterword.gateway.routes.conversations import refuse_when_full
from afterword.gateway.routes.memories import MemoryId
from afterword.gateway.visits import UncountedVisiting, Visit, Visiting
from afterword.schemas import InvalidInput, Memory
from afterword.schemas.commands import MAX_VERSIONS
from afterword.schemas.limits import LimitedKind

# Described by mem0's own documentation: our OpenAPI is that of the canonical API.
router = APIRouter(route_class=Mem0Route, include_in_schema=False)

_Page = Annotated[int, Query(ge=1, le=100_000)]
_PageSize = Annotated[int, Query(ge=1, le=1000)]
_MOST_AT_ONCE = 1000


class NamedMemory(BaseModel):
    """A memory of a batch."""

    memory_id: str = Field(min_length=1)


class MemoryBatch(BaseModel):
    """The body of `batch_delete`."""

    memories: Annotated[list[NamedMemory], Field(min_length=1, max_length=_MOST_AT_ONCE)]


class Corrected(NamedMemory):
    """A correction of a batch."""

    model_config = ConfigDict(extra="allow")


class CorrectionBatch(BaseModel):
    """The body of `batch_update`."""

    memories: Annotated[list[Corrected], Field(min_length=1, max_length=_MOST_AT_ONCE)]


@router.get("/v1/ping/")
async def ping(visit: Visiting) -> Json:
    """mem0's client asks this when it is made, and keeps the two ids for its calls about projects.

    No e-mail address is told: the client would send it to its telemetry.
    """
    tenant = visit.caller.tenant_id
    return {"status": "ok", "org_id": tenant, "project_id": tenant, "user_email": None}


@router.post("/v3/memories/add/")
async def add(visit: UncountedVisiting, body: Annotated[Json, Body()]) -> Json:
    """A conversation to learn from, or notes with `infer=False`."""
    match read_addition(body):
        case Notes() as notes:
            await visit.admit(LimitedKind.COMMANDS, notes.fields)
            return mem0_added([note async for note in _added(visit, notes)])
        case Said(fields):
            refuse_when_full(visit)
            await visit.admit(LimitedKind.PUBLISHES, fields)
            event_id = str(uuid4())
            await visit.client.publish(None, event_id=event_id, **visit.caller.of_user(fields))
            return mem0_queued(event_id)


async def _added(visit: Visit, notes: Notes) -> Any:
    fields = visit.memories_of(notes.fields)
    # One after the other: their order is that of the conversation.
    for text in notes.texts:
        yield await visit.client.memories.add(text, **fields)


@router.post("/v3/memories/search/")
async def search(visit: Visiting, body: SearchBody) -> Json:
    """The best memories about a question. `incomplete` is told where filters leave memories out that may match."""
    clauses = clauses_of(body.expression(), user_id=visit.caller.implied_user_id)
    found = await Mem0Finder(visit).search(clauses, body.query, limit=body.top_k, latest_only=bool(body.latest_only))
    near = [memory for memory in found.memories if (memory.score or 0.0) >= body.threshold]
    answer: Json = {"results": [mem0_memory(memory, body.fields) for memory in near]}
    if not found.is_complete:
        answer["incomplete"] = True
    if found.degraded:
        answer["degraded"] = list(found.degraded)
    return answer


@router.post("/v3/memories/")
async def get_all(
    request: Request, visit: Visiting, body: ListBody, page: _Page = 1, page_size: _PageSize = 100
) -> Json:
    """A page of all memories that are meant, newest first, and how many there are in all."""
    clauses = clauses_of(body.expression(), user_id=visit.caller.implied_user_id)
    listed = await Mem0Finder(visit).list(clauses, page=page, size=page_size)

    def url(number: int) -> str:
        return str(request.url.include_query_params(page=number, page_size=page_size))

    return {
        "count": listed.count,
        "next": url(page + 1) if listed.has_more else None,
        "previous": url(page - 1) if page > 1 else None,
        "results": [mem0_memory(memory, body.fields) for memory in listed.memories],
    }


@router.get("/v1/memories/{memory_id}/")
async def get(visit: Visiting, memory_id: MemoryId) -> Json:
    """One memory."""
    return mem0_memory(await _memory(visit, memory_id))


@router.get("/v1/memories/{memory_id}/history/")
async def history(visit: Visiting, memory_id: MemoryId) -> list[Json]:
    """The history of one memory: that it was added, and its newest 100 corrections."""
    [owner] = await owners_of(visit, [memory_id])
    async with as_if_missing():
        memory = await visit.client.memories.get(memory_id, **owner)
        return mem0_history(memory, await visit.client.memories.history(memory_id, limit=MAX_VERSIONS, **owner))


@router.put("/v1/memories/{memory_id}/")
async def update(visit: Visiting, memory_id: MemoryId, body: Annotated[Json, Body()]) -> Json:
    """Correct one memory."""
    [memory] = await _update(visit, [read_correction(memory_id, body)])
    return mem0_memory(memory)


@router.put("/v1/batch/")
async def batch_update(visit: Visiting, body: CorrectionBatch) -> Json:
    """Correct many. Where one of them is not there, none is changed."""
    done = await _update(visit, [read_correction(each.memory_id, each.model_extra or {}) for each in body.memories])
    return {"message": f"Successfully updated {len(done)} memories"}


@router.delete("/v1/memories/{memory_id}/")
async def delete(visit: Visiting, memory_id: MemoryId, delete_linked: bool = False) -> Json:
    """Remove one memory."""
    if delete_linked:
        raise InvalidInput("delete_linked", "true", "must be left out: delete each memory by its id")
    pending = await _delete(visit, [memory_id])
    return mem0_removed("Memory deleted successfully!", pending=pending)


@router.delete("/v1/memories/")
async def delete_all(request: Request, visit: Visiting) -> Json:
    """Remove all memories of one user, of one run of theirs, or of one agent."""
    removed = await clear_owner(visit, owner_to_clear(request.query_params, visit.caller.implied_user_id))
    return mem0_removed("Memories deleted successfully!", pending=removed.pending)


@router.delete("/v1/batch/")
async def batch_delete(visit: Visiting, body: MemoryBatch) -> Json:
    """Remove many. Where one of them is not there, none is removed."""
    ids = list(dict.fromkeys(named.memory_id for named in body.memories))
    pending = await _delete(visit, ids)
    return mem0_removed(f"Successfully deleted {len(ids)} memories", pending=pending)


async def _memory(visit: Visit, memory_id: str) -> Memory:
    [owner] = await owners_of(visit, [memory_id])
    async with as_if_missing():
        return await visit.client.memories.get(memory_id, **owner)


async def _update(visit: Visit, corrections: list[Correction]) -> list[Memory]:
    owners = await owners_of(visit, [each.memory_id for each in corrections])
    done = []
    async with as_if_missing():
        for each, owner in zip(corrections, owners, strict=True):
            fields: dict[str, Any] = {**owner, **each.fields}
            done.append(await visit.client.memories.update(each.memory_id, **fields))
    return done


async def _delete(visit: Visit, memory_ids: list[str]) -> bool:
    """Remove memories; whether some of that waits for a store."""
    owners = await owners_of(visit, memory_ids)
    pending = False
    async with as_if_missing():
        for memory_id, owner in zip(memory_ids, owners, strict=True):
            removed = await visit.client.memories.delete(memory_id, **owner)
            pending |= removed.pending
    return pending
