"""Managing memories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from afterword.gateway.answers import NDJSON, READING, WRITING, json_answer, problems
from afterword.gateway.bodies import IdempotencyKey, json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas.answers import (
    DeletionState,
    MemoryHistory,
    MemoryPage,
    MemoryProvenance,
    RelatedMemories,
    Removed,
    SearchPage,
)
from afterword.schemas.commands import (
    AddMemory,
    ClearMemories,
    DeleteMemory,
    FindRelated,
    GetDeletion,
    GetHistory,
    GetMemory,
    GetProvenance,
    ListMemories,
    RestoreMemory,
    SearchMemories,
    UpdateMemory,
)
from afterword.schemas.memory import Memory

router = APIRouter(prefix=f"{API}/memories", tags=["memories"])

_NAMED: Final = ("memory_id",)
_ONE: Final = (*READING, 404)
_ONE_WRITTEN: Final = (*WRITING, 404)

MemoryId = Annotated[str, Path(min_length=1, description="The id of a memory, as listed.")]
_Listed = Annotated[Fields, Depends(query_string(ListMemories, name="ListQuery"))]
_Searched = Annotated[Fields, Depends(json_body(SearchMemories, name="SearchQuestion"))]
_Added = Annotated[Fields, Depends(json_body(AddMemory, name="NewMemory"))]
_Got = Annotated[Fields, Depends(query_string(GetMemory, name="GetQuery", without=_NAMED))]
_Updated = Annotated[Fields, Depends(json_body(UpdateMemory, name="Correction", without=_NAMED))]
_History = Annotated[Fields, Depends(query_string(GetHistory, name="HistoryQuery", without=_NAMED))]
_Provenance = Annotated[Fields, Depends(query_string(GetProvenance, name="ProvenanceQuery", without=_NAMED))]
_Deleted = Annotated[Fields, Depends(query_string(DeleteMemory, name="DeleteQuery", without=_NAMED))]
_Restored = Annotated[Fields, Depends(query_string(RestoreMemory, name="RestoreQuery", without=_NAMED))]
_Related = Annotated[Fields, Depends(query_string(FindRelated, name="RelatedQuery", without=_NAMED))]
DeletionId = Annotated[str, Path(min_length=1, description="The `deletion_id` of an answer with 202.")]
_Asked = Annotated[Fields, Depends(query_string(GetDeletion, name="DeletionQuery", without=("deletion_id",)))]
_Cleared = Annotated[Fields, Depends(query_string(ClearMemories, name="ClearQuery"))]


@router.get("", response_model=MemoryPage, responses={**problems(READING), 200: {"content": {NDJSON: {}}}})
async def list_memories(visit: Visiting, request: Request, query: _Listed) -> Response:
    """A page of an owner's memories, newest first. Ask for the next one with `cursor`, the page's `next_cursor`.

    With `Accept: application/x-ndjson` all of them come, a memory a line, read in pages of `limit`. A body that ends
    early is one that breaks off.
    """
    fields = visit.memories_of(query)
    # Also before lines: what is wrong is told by the status, which comes first.
    page = await visit.client.memories.list(**fields)
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_lines(visit, fields, page), media_type=NDJSON)
    return json_answer(page)


async def _lines(visit: Visit, fields: Fields, page: MemoryPage) -> AsyncIterator[str]:
    while True:
        yield "".join(f"{memory.model_dump_json()}\n" for memory in page.memories)
        if page.next_cursor is None:
            return
        page = await visit.client.memories.list(**{**fields, "cursor": page.next_cursor})


@router.post("/search", response_model=SearchPage, responses=problems(WRITING))
async def search_memories(visit: Visiting, body: _Searched) -> Response:
    """An owner's memories about `query`, best first; without one, all that match the filters, newest first."""
    return json_answer(await visit.client.memories.search(**visit.memories_of(body)))


@router.post("", status_code=201, response_model=Memory, responses=problems(_ONE_WRITTEN))
async def add_memory(visit: Visiting, body: _Added, key: IdempotencyKey = None) -> Response:
    """Write a memory by hand; the answer is the memory as stored."""
    fields: dict[str, Any] = visit.memories_of(body)
    if key is not None:
        fields["request_id"] = key
    return json_answer(await visit.client.memories.add(**fields), 201)


@router.get("/{memory_id}", response_model=Memory, responses=problems(_ONE))
async def get_memory(visit: Visiting, memory_id: MemoryId, query: _Got) -> Response:
    """One memory of an owner."""
    return json_answer(await visit.client.memories.get(memory_id, **visit.memories_of(query)))


@router.post("/{memory_id}/restore", response_model=Memory, responses=problems(_ONE))
async def restore_memory(visit: Visiting, memory_id: MemoryId, query: _Restored) -> Response:
    """Take a memory out of the archive: contexts may hold it again."""
    return json_answer(await visit.client.memories.restore(memory_id, **visit.memories_of(query)))


@router.get("/{memory_id}/related", response_model=RelatedMemories, responses=problems(_ONE))
async def related_memories(visit: Visiting, memory_id: MemoryId, query: _Related) -> Response:
    """The memories of the same owner that go with one: those linked with it, then the nearest by meaning."""
    return json_answer(await visit.client.memories.related(memory_id, **visit.memories_of(query)))


@router.patch("/{memory_id}", response_model=Memory, responses=problems(_ONE_WRITTEN))
async def update_memory(visit: Visiting, memory_id: MemoryId, body: _Updated, key: IdempotencyKey = None) -> Response:
    """Correct a memory: its text, its metadata, or both. The old text is kept in its history."""
    fields: dict[str, Any] = visit.memories_of(body)
    if key is not None:
        fields["request_id"] = key
    return json_answer(await visit.client.memories.update(memory_id, **fields))


@router.get("/{memory_id}/history", response_model=MemoryHistory, responses=problems(_ONE))
async def memory_history(visit: Visiting, memory_id: MemoryId, query: _History) -> Response:
    """The versions of a memory, newest first: each text that it had, since when, and by whom it was corrected."""
    return json_answer(await visit.client.memories.history(memory_id, **visit.memories_of(query)))


@router.get("/{memory_id}/provenance", response_model=MemoryProvenance, responses=problems(_ONE))
async def memory_provenance(visit: Visiting, memory_id: MemoryId, query: _Provenance) -> Response:
    """The origin of a memory: its conversation, turn, model, prompt and batch, and the turns around it."""
    return json_answer(await visit.client.memories.provenance(memory_id, **visit.memories_of(query)))


@router.delete("/{memory_id}", response_model=Removed, responses={**problems(_ONE), 202: {"model": Removed}})
async def delete_memory(visit: Visiting, memory_id: MemoryId, query: _Deleted) -> Response:
    """Remove one memory. 202 where a store is away: it is no longer shown, and removed as soon as possible."""
    return _removed(await visit.client.memories.delete(memory_id, **visit.memories_of(query)))


@router.delete("", response_model=Removed, responses={**problems(READING), 202: {"model": Removed}})
async def clear_memories(visit: Visiting, query: _Cleared) -> Response:
    """Remove all memories of an owner; with `session_id`, those of that thread. 202 as for one memory."""
    fields = {**visit.memories_of(query), "timeout": visit.settings.clear_seconds}
    return _removed(await visit.client.memories.clear(**fields))


@router.get("/deletions/{deletion_id}", response_model=DeletionState, responses=problems(_ONE))
async def get_deletion(visit: Visiting, deletion_id: DeletionId, query: _Asked) -> Response:
    """How far a removal is that was answered with 202."""
    return json_answer(await visit.client.memories.deletion(deletion_id, **visit.memories_of(query)))


def _removed(removed: Removed) -> Response:
    return json_answer(removed, 202 if removed.pending else 200)
