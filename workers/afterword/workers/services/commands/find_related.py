"""Finding which memories go with one of an owner's: by links, and by meaning."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.schemas import FindRelated, RelatedMemories, RelatedMemory, Relation
from afterword.schemas.commands import MAX_RELATED
from afterword.workers.core.errors import NotFound
from afterword.workers.services.commands.owner_search import OwnerSearch, fitting
from afterword.workers.services.policy.access import owner_of
from afterword.workers.services.recall.ranking.scores import RankedMemory
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import Owner
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.stores.vectors.queries import Filter, Ids, Match, Newest
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch, Views


class RelatedFinder:
    """Answers `related`."""

    def __init__(self, search: OwnerSearch, views: Views) -> None:
        self._search = search
        self._views = views

    def find(self, command: FindRelated, within: float | None) -> RelatedMemories:
        """At most `limit` memories, and about 256 KiB of them, linked ones first.

        Raises: NotFound, VectorStoreUnavailable.
        """
        owner = owner_of(command)
        view = self._views.of(owner)
        memory = next(iter(view.get([command.memory_id])), None)
        if memory is None:
            raise NotFound("there is no such memory")
        linked = _linked(view, owner, memory)
        found = self._search.find(owner, Filter(must_not=(Ids((memory.id,)),)), memory.text, within)
        related = _related(linked, found.ranked)[: command.limit]
        most = fitting(each.memory for each in related)
        return RelatedMemories(related=tuple(related[:most]), degraded=found.degraded)


def _linked(view: MemoryView, owner: Owner, memory: StoredMemory) -> list[StoredMemory]:
    """Those it names and those that name it, in one request."""
    named, naming = Ids(memory.linked_memory_ids), Match(collection.LINKED, (memory.id,))
    hits = view.search([ScopedSearch(owner, Newest(), MAX_RELATED, Filter((where,))) for where in (named, naming)])
    found = {each.memory.id: each.memory for those in hits for each in those if each.memory.id != memory.id}
    return list(found.values())


def _related(linked: Sequence[StoredMemory], ranked: Sequence[RankedMemory]) -> list[RelatedMemory]:
    """Linked ones first, each best first; a linked one that is not among the nearest has no score."""
    relevance = {each.memory.id: round(each.relevance, 4) for each in ranked}
    # A linked memory comes once, as linked, however near it is.
    ids = {memory.id for memory in linked}
    by_link = sorted(linked, key=lambda memory: (relevance.get(memory.id, -1.0), memory.occurred_at), reverse=True)
    near = sorted((each for each in ranked if each.memory.id not in ids), key=lambda each: -each.relevance)
    return [
        *(RelatedMemory(memory=to_memory(each, relevance.get(each.id)), relation=Relation.LINKED) for each in by_link),
        *(
            RelatedMemory(memory=to_memory(each.memory, relevance[each.memory.id]), relation=Relation.SIMILAR)
            for each in near
        ),
    ]
