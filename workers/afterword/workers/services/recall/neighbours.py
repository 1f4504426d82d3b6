"""What completes a memory that matched: the turns around an excerpt, what a learned memory is linked with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from afterword.schemas import Kind
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import Filter, Ids, Match, Newest
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch

if TYPE_CHECKING:
    from afterword.workers.services.recall.searching import Corner

MATCHES = 4
"""Excerpts, and as many learned memories, best first, that are completed."""

LINKS = 8
"""Linked memories that are looked at for each corner and direction."""


def neighbours(view: MemoryView, corners: Sequence[Corner], matched: Sequence[StoredMemory]) -> list[StoredMemory]:
    """The turns directly before and after the best excerpts among these, where a corner holds excerpts; and, of the
    other corners, the memories that the best learned ones link to or that link to them. In one request; none that is
    among the matches.

    Ordered as their matches are, a turn before ahead of one after. Raises: VectorStoreUnavailable.
    """
    excerpts = [memory for memory in matched if memory.kind is Kind.EXCERPT][:MATCHES]
    learned = [memory for memory in matched if memory.kind is not Kind.EXCERPT][:MATCHES]
    searches = [search for corner in corners for search in _searches(corner, excerpts, learned)]
    if not searches:
        return []
    candidates = {each.memory.id: each.memory for hits in view.search(searches) for each in hits}
    for memory in matched:
        candidates.pop(memory.id, None)
    completed = [memory for memory in matched if memory in excerpts or memory in learned]
    ordered = [each for memory in completed for each in _around(memory, candidates.values())]
    return list({memory.id: memory for memory in ordered}.values())


def _searches(corner: Corner, excerpts: Sequence[StoredMemory], learned: Sequence[StoredMemory]) -> list[ScopedSearch]:
    if corner.verbatim:
        return _beside(corner, excerpts)
    return _linked(corner, learned)


def _beside(corner: Corner, excerpts: Sequence[StoredMemory]) -> list[ScopedSearch]:
    if not excerpts:
        return []
    before = Ids(tuple(memory.previous[0] for memory in excerpts if memory.previous))
    after = Match(collection.PREVIOUS, tuple(memory.id for memory in excerpts))
    # Two turns name an excerpt as one of those before them.
    return [ScopedSearch(corner.owner, Newest(), 2 * len(excerpts), Filter((where,))) for where in (before, after)]


def _linked(corner: Corner, learned: Sequence[StoredMemory]) -> list[ScopedSearch]:
    if not learned:
        return []
    naming = Match(collection.LINKED, tuple(memory.id for memory in learned))
    named = Ids(tuple(dict.fromkeys(link for memory in learned for link in memory.linked_memory_ids)))
    wheres = (naming, named) if named.ids else (naming,)
    return [ScopedSearch(corner.owner, Newest(), LINKS, corner.where.narrowed(where)) for where in wheres]


def _around(memory: StoredMemory, candidates: Iterable[StoredMemory]) -> list[StoredMemory]:
    if memory.kind is Kind.EXCERPT:
        before = [each for each in candidates if each.id in memory.previous[:1]]
        after = [each for each in candidates if each.previous[:1] == (memory.id,)]
        return [*before, *after]
    return [each for each in candidates if each.id in memory.linked_memory_ids or memory.id in each.linked_memory_ids]
