"""Several searches as one answer, told honestly where it may lack something."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from afterword.gateway.compat.mem0.clauses import clauses_of
from afterword.gateway.compat.mem0.expressions import read_filters
from afterword.gateway.compat.mem0.finding import MOST_LISTED, Found, Listed, Mem0Finder
from afterword.gateway.visits import Visit
from afterword.schemas import Kind, Memory, Scope, SearchPage
from afterword.schemas.commands import MAX_RANKED

PAGE = 100


def memory(user_id: str, number: int, score: float | None = None) -> Memory:
    return Memory(
        id=f"{user_id}-{number}",
        text=f"number {number}",
        scope=Scope.USER,
        kind=Kind.NOTE,
        score=score,
        occurred_at=datetime(2026, 5, 1, tzinfo=UTC),
        user_id=user_id,
    )


class Store:
    """Answers searches in pages, as the workers do: `MAX_RANKED` at most for a question."""

    def __init__(self, **memories: Sequence[Memory]) -> None:
        self._memories = memories
        self.asked = 0

    async def search(
        self, query: str | None = None, *, user_id: str, limit: int, cursor: str | None, **_: Any
    ) -> SearchPage:
        self.asked += 1
        there = self._memories[user_id][: MAX_RANKED if query else None]
        start = int(cursor or 0)
        end = start + min(limit, PAGE)
        return SearchPage(memories=tuple(there[start:end]), next_cursor=str(end) if end < len(there) else None)

    @property
    def finder(self) -> Mem0Finder:
        client = SimpleNamespace(memories=self)
        return Mem0Finder(cast(Visit, SimpleNamespace(client=client, memories_of=lambda fields: fields)))

    def search_for(self, filters: dict[str, Any], limit: int = 3) -> Found:
        clauses = clauses_of(read_filters(filters))
        return asyncio.run(self.finder.search(clauses, "number", limit=limit, latest_only=False))

    def list_of(self, filters: dict[str, Any], page: int = 1, size: int = 3) -> Listed:
        return asyncio.run(self.finder.list(clauses_of(read_filters(filters)), page=page, size=size))


def numbers(found: Found | Listed) -> list[str]:
    return [each.id for each in found.memories]


def test_the_best_of_several_owners_come_first() -> None:
    store = Store(ann=[memory("ann", 1, 0.9), memory("ann", 2, 0.2)], bob=[memory("bob", 1, 0.5)])
    found = store.search_for({"user_id": {"in": ["ann", "bob"]}}, limit=2)
    assert (numbers(found), found.is_complete) == (["ann-1", "bob-1"], True)


def test_a_memory_that_answers_two_clauses_is_given_once() -> None:
    store = Store(ann=[memory("ann", 1, 0.9), memory("ann", 2, 0.2)])
    either = {"OR": [{"user_id": "ann"}, {"user_id": "ann", "kind": "note"}]}
    assert numbers(store.search_for(either)) == ["ann-1", "ann-2"]
    assert store.list_of(either).count == 2


def test_what_is_tested_afterwards_is_looked_for_as_far_as_a_search_goes() -> None:
    store = Store(ann=[memory("ann", number, 0.5) for number in range(150)])
    found = store.search_for({"user_id": "ann", "keywords": {"contains": "14"}}, limit=20)
    assert (len(found.memories), found.is_complete) == (12, True)
    # Enough of them, and no further page is asked for.
    store.asked = 0
    assert store.search_for({"user_id": "ann", "keywords": {"contains": "1"}}, limit=5).is_complete
    assert store.asked == 1


def test_where_a_search_ends_too_early_it_is_said() -> None:
    store = Store(ann=[memory("ann", number, 0.5) for number in range(300)])
    assert not store.search_for({"user_id": "ann", "keywords": {"contains": "29"}}, limit=20).is_complete
    assert store.search_for({"user_id": "ann"}, limit=20).is_complete


def test_a_listing_counts_what_is_meant() -> None:
    store = Store(ann=[memory("ann", number) for number in range(250)], bob=[memory("bob", 7)])
    listed = store.list_of({"user_id": {"in": ["ann", "bob"]}, "keywords": {"contains": "7"}}, page=2, size=2)
    assert (listed.count, listed.has_more) == (43 + 1, True)
    assert numbers(listed) == ["ann-27", "ann-37"]
    assert store.list_of({"user_id": "bob"}, page=2) == Listed([], 1, False)


def test_counting_ends_where_there_are_very_many() -> None:
    store = Store(ann=[memory("ann", number) for number in range(MOST_LISTED + 500)])
    listed = store.list_of({"user_id": "ann"})
    assert (listed.count, listed.has_more, len(listed.memories)) == (MOST_LISTED, True, 3)
    # A page that is asked for is there all the same.
    assert len(store.list_of({"user_id": "ann"}, page=(MOST_LISTED + 300) // 100, size=100).memories) == 100
