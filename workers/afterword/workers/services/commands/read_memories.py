"""Reading memories: a page of them, newest first, and one by its id."""

from __future__ import annotations

from collections.abc import Iterator

from afterword.schemas import GetMemory, InvalidInput, ListMemories, Memory, MemoryPage
from afterword.workers.core.errors import NotFound
from afterword.workers.services.policy.access import owner_of
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.counting import IS_ARCHIVED
from afterword.workers.stores.vectors.payload import to_memory
from afterword.workers.stores.vectors.queries import Condition, Filter, Match
from afterword.workers.stores.vectors.views import Views


class MemoryReader:
    """Answers `list` and `get`."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def list(self, command: ListMemories, _: float | None) -> MemoryPage:
        """A page. Raises: InvalidInput, for a cursor that no page gave; VectorStoreUnavailable."""
        owner, where = owner_of(command), Filter(tuple(_conditions(command)))
        try:
            page = self._views.of(owner).page(owner, limit=command.limit, cursor=command.cursor, where=where)
        except ValueError:
            raise InvalidInput("cursor", "a cursor no page gave", "pass next_cursor of the page before") from None
        return MemoryPage(memories=tuple(to_memory(each, None) for each in page.memories), next_cursor=page.next_cursor)

    def get(self, command: GetMemory, _: float | None) -> Memory:
        """One memory. Raises: NotFound, VectorStoreUnavailable."""
        found = self._views.of(owner_of(command)).get([command.memory_id])
        if not found:
            raise NotFound("there is no such memory")
        return to_memory(found[0], None)


def _conditions(command: ListMemories) -> Iterator[Condition]:
    if command.scope:
        yield Match(collection.SCOPE, (command.scope.value,))
    if command.kind:
        yield Match(collection.KIND, (command.kind.value,))
    if command.archived:
        yield IS_ARCHIVED
