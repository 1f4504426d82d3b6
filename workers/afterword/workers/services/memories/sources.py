"""The words behind a memory: the excerpts of the turn that it was learned from, and those around it."""

from __future__ import annotations

from afterword.schemas import Kind
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.counting import ARCHIVED_TOO
from afterword.workers.stores.vectors.owners import Owner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Filter, Match
from afterword.workers.stores.vectors.views import MemoryView

_MOST = 1_000
"""Excerpts of one event that are looked at."""


def excerpts_of_event(view: MemoryView, owner: Owner, event_id: str) -> list[StoredMemory]:
    """The excerpts of an event that the owner still has, in the order in which they were said."""
    where = Filter((Match(c.EVENT, (event_id,)), Match(c.KIND, (Kind.EXCERPT.value,)), ARCHIVED_TOO))
    found: list[StoredMemory] = []
    cursor: str | None = None
    while len(found) < _MOST:
        page = view.page(owner, limit=_MOST, cursor=cursor, where=where)
        found.extend(page.memories)
        cursor = page.next_cursor
        if cursor is None:
            break
    return sorted(found, key=lambda each: (each.message or 0, each.occurred_at))


def excerpts_behind(view: MemoryView, owner: Owner, memory: StoredMemory) -> list[StoredMemory]:
    """The excerpts of the turn that a fact was learned from: several where the turn is long, none of a note."""
    if memory.kind is not Kind.FACT or memory.event_id is None or memory.message is None:
        return []
    return [each for each in excerpts_of_event(view, owner, memory.event_id) if each.message == memory.message]
