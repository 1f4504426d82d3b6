"""Finding memories by mem0's filters: one search of ours for each clause, their answers put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from afterword.gateway.compat.mem0.clauses import Clause
from afterword.gateway.visits import Visit
from afterword.schemas import Memory
from afterword.schemas.command import MAX_PAGE
from afterword.schemas.commands import MAX_RANKED

MOST_LISTED = 10_000
"""Memories gone through to count a listing; past that the count says how many were seen."""


@dataclass(frozen=True, slots=True)
class Found:
    """Memories, best first. `is_complete` is False where more may match than the search has reached."""

    memories: list[Memory]
    is_complete: bool = True
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of memories, newest first. `count` is that of all pages; `has_more` says whether there is another one."""

    memories: list[Memory]
    count: int
    has_more: bool


class Mem0Finder:
    """Finds for one caller. Whose memories they may see is checked for each clause."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    async def search(self, clauses: Sequence[Clause], query: str, *, limit: int, latest_only: bool) -> Found:
        """The best memories about `query`, `limit` at most."""
        found = await asyncio.gather(*(self._ranked(clause, query, limit, latest_only) for clause in clauses))
        # One memory may answer several clauses; each says the same of it.
        by_id = {memory.id: memory for one in found for memory in one.memories}
        ranked = sorted(by_id.values(), key=lambda memory: memory.score or 0.0, reverse=True)
        degraded = tuple(dict.fromkeys(reason for one in found for reason in one.degraded))
        # The order of one search is finer than its scores are.
        memories = found[0].memories if len(found) == 1 else ranked
        return Found(memories[:limit], all(one.is_complete for one in found), degraded)

    async def list(self, clauses: Sequence[Clause], *, page: int, size: int) -> Listed:
        """A page of all memories that are meant: those of one owner after those of another, newest first."""
        listing = _Listing(start=(page - 1) * size, size=size)
        for clause in clauses:
            async for memory in self._newest(clause):
                if listing.take(memory, is_meant=clause.holds(memory)):
                    return listing.page()
        return listing.page()

    async def _ranked(self, clause: Clause, query: str, limit: int, latest_only: bool) -> Found:
        """The best of one clause. Where the search cannot look for all of it, as many as it takes are gone through."""
        every = clause.is_exact and not latest_only
        matching: list[Memory] = []
        seen = 0
        cursor: str | None = None
        while True:
            page = await self._visit.client.memories.search(
                query,
                limit=min(limit, MAX_RANKED) if every else MAX_RANKED,
                cursor=cursor,
                explain=latest_only,
                **self._visit.memories_of(clause.fields),
            )
            replaced = {each.memory.id for each in page.explanations if each.replaced_by} if latest_only else set()
            matching += [each for each in page.memories if each.id not in replaced and clause.holds(each)]
            seen, cursor = seen + len(page.memories), page.next_cursor
            if cursor is None or len(matching) >= limit:
                break
        # A search finds so many and no more: whether others match is not known then.
        is_complete = every or len(matching) >= limit or seen < MAX_RANKED
        return Found(matching[:limit], is_complete, page.degraded)

    async def _newest(self, clause: Clause) -> AsyncIterator[Memory]:
        cursor: str | None = None
        while True:
            page = await self._visit.client.memories.search(
                limit=MAX_PAGE, cursor=cursor, **self._visit.memories_of(clause.fields)
            )
            for memory in page.memories:
                yield memory
            cursor = page.next_cursor
            if cursor is None:
                return


@dataclass(slots=True)
class _Listing:
    """Counts memories as they come, and keeps those of one page."""

    start: int
    size: int
    seen: int = 0
    ids: set[str] = field(default_factory=set)
    kept: list[Memory] = field(default_factory=list)

    def take(self, memory: Memory, *, is_meant: bool) -> bool:
        """Take the next one; whether enough is known."""
        self.seen += 1
        # Several clauses may mean the same memory.
        if is_meant and memory.id not in self.ids:
            if self.start <= len(self.ids) < self.start + self.size:
                self.kept.append(memory)
            self.ids.add(memory.id)
        return self.seen >= MOST_LISTED and len(self.ids) > self.start + self.size

    def page(self) -> Listed:
        return Listed(self.kept, len(self.ids), len(self.ids) > self.start + self.size)
