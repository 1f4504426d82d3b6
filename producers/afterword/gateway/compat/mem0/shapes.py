"""Memories, entities and events in the shapes of mem0's hosted API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from afterword.gateway.compat.mem0.expressions import APP_ID, categories
from afterword.schemas import Memory
from afterword.schemas.answers import MemoryHistory
from afterword.schemas.values import Metadata

Json = dict[str, Any]
"""An object of a body or an answer."""


def mem0_memory(memory: Memory, fields: Collection[str] | None = None) -> Json:
    """A memory as mem0's client knows it; with `fields`, those and the id only.

    `created_at` is when it was said, which is what `timestamp` sets when one is added. `kind` and `scope` are ours.
    """
    shape: Json = {
        "id": memory.id,
        "memory": memory.text,
        "user_id": memory.user_id,
        "agent_id": memory.agent_id,
        "app_id": memory.metadata.get(APP_ID),
        "run_id": memory.session_id,
        "metadata": _without_app(memory.metadata),
        "categories": categories(memory),
        "created_at": memory.occurred_at.isoformat(),
        "updated_at": (memory.updated_at or memory.created_at or memory.occurred_at).isoformat(),
        "kind": memory.kind.value,
        "scope": memory.scope.value,
    }
    if memory.score is not None:
        shape["score"] = memory.score
    return shape if not fields else {name: value for name, value in shape.items() if name in ("id", *fields)}


def mem0_history(memory: Memory, history: MemoryHistory) -> list[Json]:
    """The history of a memory, oldest first: that it was added, then each correction with the text before it."""
    told = []
    before = None
    for version in reversed(history.versions):
        at = version.since.isoformat()
        told.append(
            {
                # An entry has no id of its own.
                "id": f"{memory.id}:{version.number}",
                "memory_id": memory.id,
                "event": "ADD" if version.number == 1 else "UPDATE",
                "old_memory": before,
                "new_memory": version.text,
                "user_id": memory.user_id,
                "metadata": _without_app(version.metadata),
                "categories": categories(memory),
                "created_at": at,
                "updated_at": at,
            }
        )
        before = version.text
    return told


def mem0_entity(kind: str, name: str, *, memories: int | None, tenant_id: str) -> Json:
    """A user or an agent. When they were first seen is not known at the door."""
    return {
        "id": name,
        "name": name,
        "type": kind,
        "total_memories": memories,
        "organization": tenant_id,
        "owner": tenant_id,
        "metadata": None,
        "created_at": None,
        "updated_at": None,
    }


def mem0_result(memory: Memory) -> Json:
    """A memory as one that was added."""
    return {"id": memory.id, "event": "ADD", "memory": memory.text, "data": {"memory": memory.text}}


def mem0_added(notes: list[Memory]) -> Json:
    """The answer to `add` with `infer=False`: the notes are there already, so that there is no event to ask for."""
    added = [mem0_result(note) for note in notes]
    return {"message": "Memories added", "status": "SUCCEEDED", "event_id": None, "results": added}


def mem0_removed(message: str, *, pending: bool) -> Json:
    """The answer to a deletion. A `pending` one shows nothing any more, and is completed when a store is back."""
    if pending:
        return {"message": "Deletion recorded, and completed as soon as possible", "pending": True}
    return {"message": message}


def mem0_queued(event_id: str) -> Json:
    """The answer to `add` where something is to be learned: the conversation is safe, its facts follow."""
    return {"message": "Memory processing has been queued", "status": "PENDING", "event_id": event_id}


def _without_app(metadata: Metadata) -> Metadata:
    return {name: value for name, value in metadata.items() if name != APP_ID}
