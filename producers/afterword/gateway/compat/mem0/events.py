"""mem0's call about an event: how far the conversation of an `add` has come, and what was learned from it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from afterword.gateway.compat.mem0.errors import Mem0Route
from afterword.gateway.compat.mem0.shapes import Json, mem0_result
from afterword.gateway.visits import Visit, Visiting
from afterword.schemas import ConversationState, Kind, Memory
from afterword.schemas.errors import CommandFailed

router = APIRouter(route_class=Mem0Route, include_in_schema=False)

LOOKED_THROUGH: Final = 200
"""The newest facts, among which those of the event are looked for."""

_STATUS: Final = {
    "received": "PENDING",
    "stored": "RUNNING",
    "extracting": "RUNNING",
    "done": "SUCCEEDED",
    # There was nothing to learn, which is no failure.
    "skipped": "SUCCEEDED",
    "dead": "FAILED",
}


@router.get("/v1/event/{event_id}/")
async def event(
    visit: Visiting,
    event_id: Annotated[str, Path(min_length=1)],
    user_id: Annotated[str | None, Query(description="Whose; ours, since mem0 asks by the id alone.")] = None,
) -> Json:
    """How far an event has come. One that nobody has taken in yet is pending; so is one that there never was."""
    fields = visit.caller.of_user({"user_id": user_id})
    try:
        state = await visit.client.conversation(event_id, **fields, timeout=visit.settings.command_seconds)
    except CommandFailed as error:
        if error.code != "not_found":
            raise
        return _told(event_id, None, [])
    learned = await _learned(visit, fields, event_id) if state.status == "done" else []
    return _told(event_id, state, learned)


async def _learned(visit: Visit, fields: Json, event_id: str) -> list[Memory]:
    page = await visit.client.memories.list(kind=Kind.FACT, limit=LOOKED_THROUGH, **visit.memories_of(fields))
    return [memory for memory in page.memories if memory.source and memory.source.event_id == event_id]


def _told(event_id: str, state: ConversationState | None, learned: list[Memory]) -> Json:
    began = state.received_at if state else None
    ended = state.finished_at if state else None
    return {
        "id": event_id,
        "event_type": "ADD",
        "status": _STATUS[state.status] if state else "PENDING",
        "payload": None,
        "metadata": {"reason": state.reason} if state and state.reason else None,
        "results": [mem0_result(memory) for memory in learned],
        "created_at": began.isoformat() if began else None,
        "updated_at": (ended or began).isoformat() if began else None,
        "started_at": began.isoformat() if began else None,
        "completed_at": ended.isoformat() if ended else None,
        "latency": round((ended - began).total_seconds() * 1000, 3) if began and ended else None,
    }
