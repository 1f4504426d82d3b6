"""Searching an owner's memories by a question and by filters."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from uuid import UUID

from afterword.schemas import InvalidInput, SearchMemories, SearchPage
from afterword.schemas.commands import MAX_RANKED
from afterword.schemas.errors import shortened
from afterword.workers.services.commands.owner_search import OwnerSearch, fitting
from afterword.workers.services.policy.access import owner_of
from afterword.workers.services.recall.ranking.shortlist import Shortlist, explained
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.counting import IS_ARCHIVED
from afterword.workers.stores.vectors.paging import PAGE_BYTES
from afterword.workers.stores.vectors.payload import to_memory
from afterword.workers.stores.vectors.queries import Condition, Equals, Filter, Match, TimeRange
from afterword.workers.stores.vectors.views import Views
from afterword.workers.text.topic_words import Topic

# Tells the cursor of a ranked search from that of a listing.
_RANKED = b"ranked"
_ID_BYTES = 16


class MemorySearcher:
    """Answers `search`. Nothing is held back for being irrelevant: each score tells how near a memory is."""

    def __init__(self, search: OwnerSearch, views: Views) -> None:
        self._search = search
        self._views = views

    def search(self, command: SearchMemories, within: float | None) -> SearchPage:
        """A page. Raises: InvalidInput, for a cursor that no page gave, or no topic; VectorStoreUnavailable."""
        where = Filter(tuple(_conditions(command)))
        if command.query and command.query.strip():
            return self._ranked(command, command.query, where, within)
        return self._newest(command, where)

    def _newest(self, command: SearchMemories, where: Filter) -> SearchPage:
        owner = owner_of(command)
        try:
            page = self._views.of(owner).page(owner, limit=command.limit, cursor=command.cursor, where=where)
        except ValueError:
            raise _no_cursor(command.cursor) from None
        return SearchPage(memories=tuple(to_memory(memory) for memory in page.memories), next_cursor=page.next_cursor)

    def _ranked(self, command: SearchMemories, query: str, where: Filter, within: float | None) -> SearchPage:
        seen = _seen(command.cursor)
        found = self._search.find(owner_of(command), where, query, within)
        # MAX_RANKED over all pages together: the cursor holds the ids of all that were given.
        rest = [each for each in found.ranked if each.memory.id not in seen][: MAX_RANKED - len(seen)]
        # An explanation holds its memory once more.
        most = PAGE_BYTES // 2 if command.explain else PAGE_BYTES
        page = rest[: min(command.limit, fitting((to_memory(each.memory) for each in rest), most))]
        given = Shortlist(tuple(each.memory for each in page), {})
        return SearchPage(
            memories=tuple(to_memory(each.memory, round(each.relevance, 4)) for each in page),
            next_cursor=_cursor([*seen, *(each.memory.id for each in page)]) if len(rest) > len(page) else None,
            degraded=found.degraded,
            explanations=explained(page, found.replaced, given, 0.0) if command.explain else (),
        )


def _conditions(command: SearchMemories) -> Iterator[Condition]:
    if command.user_id and command.agent_id:
        # With a user the agent is a filter; without one it is the owner.
        yield Match(collection.AGENT, (command.agent_id,))
    if command.scope:
        yield Match(collection.SCOPE, (command.scope.value,))
    if command.kind:
        yield Match(collection.KIND, (command.kind.value,))
    if command.archived:
        yield IS_ARCHIVED
    if command.since or command.until:
        yield TimeRange(collection.OCCURRED_AT, since=command.since, until=command.until)
    if command.topic:
        if command.topic not in list(Topic):
            raise InvalidInput("topic", shortened(command.topic), f"must be one of {', '.join(Topic)}")
        yield Match(collection.TOPIC, (command.topic,))
    for name, value in command.metadata.items():
        yield Equals(collection.metadata_field(name), value)


def _cursor(seen: Sequence[str]) -> str:
    """The ids of the memories given so far: whatever is written or removed meanwhile, none is given twice."""
    return base64.urlsafe_b64encode(_RANKED + b"".join(UUID(each).bytes for each in seen)).decode()


def _seen(cursor: str | None) -> list[str]:
    if cursor is None:
        return []
    try:
        given = base64.urlsafe_b64decode(cursor)
    except ValueError:
        raise _no_cursor(cursor) from None
    ids = given.removeprefix(_RANKED)
    if ids == given or len(ids) % _ID_BYTES or len(ids) > MAX_RANKED * _ID_BYTES:
        raise _no_cursor(cursor)
    return [str(UUID(bytes=ids[start : start + _ID_BYTES])) for start in range(0, len(ids), _ID_BYTES)]


def _no_cursor(cursor: str | None) -> InvalidInput:
    return InvalidInput("cursor", shortened(cursor), "pass next_cursor of the page before, of the same search")
