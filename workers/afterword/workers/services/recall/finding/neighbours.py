"""Neighbours complete a memory that matched: the turns around an excerpt, and memories linked with a learned one.

They are in the corners of the request only: a link gives access to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from afterword.schemas import Kind
from afterword.workers.services.recall.corners import Corner
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Condition, Either, Filter, Ids, Match, Newest
from afterword.workers.stores.vectors.views import MemoryView, ScopedSearch

MATCHES = 4
"""At most this many excerpts, and as many learned memories, are completed; the best first."""

LINKS = 12
"""At most this many linked memories are read for each corner; the newest first."""


def neighbours(view: MemoryView, corners: Sequence[Corner], matched: Sequence[StoredMemory]) -> list[StoredMemory]:
    """The neighbours of the best matches, in one request, without the matches themselves.

    A corner of excerpts gives the turns directly before and after the best excerpts; every other corner gives the
    memories that the best learned ones link to, and those that link to them. They come in the order of their matches,
    a turn before ahead of one after. Raises: VectorStoreUnavailable.
    """
    excerpts = [memory for memory in matched if memory.kind is Kind.EXCERPT][:MATCHES]
    learned = [memory for memory in matched if memory.kind is not Kind.EXCERPT][:MATCHES]
    searches = [search for corner in corners if (search := _search(corner, excerpts, learned))]
    if not searches:
        return []
    candidates = {each.memory.id: each.memory for hits in view.search(searches) for each in hits}
    # They are in the answer already.
    for memory in matched:
        candidates.pop(memory.id, None)
    completed = [memory for memory in matched if memory in excerpts or memory in learned]
    ordered = [each for memory in completed for each in _around(memory, candidates.values())]
    return list({memory.id: memory for memory in ordered}.values())


def _search(corner: Corner, excerpts: Sequence[StoredMemory], learned: Sequence[StoredMemory]) -> ScopedSearch | None:
    """The search for a corner's neighbours of these; None where it can hold none."""
    completed = excerpts if corner.verbatim else learned
    if not completed:
        return None
    # Two turns name an excerpt as one of those before them.
    wheres, limit = (_beside(excerpts), 3 * len(excerpts)) if corner.verbatim else (_linked(learned), LINKS)
    any_of = Either(tuple(Filter((where,)) for where in wheres))
    return ScopedSearch(corner.owner, Newest(), limit, corner.where.narrowed(any_of))


def _beside(excerpts: Sequence[StoredMemory]) -> tuple[Condition, ...]:
    before = Ids(tuple(memory.previous[0] for memory in excerpts if memory.previous))
    return before, Match(collection.PREVIOUS, tuple(memory.id for memory in excerpts))


def _linked(learned: Sequence[StoredMemory]) -> tuple[Condition, ...]:
    named = Ids(tuple(dict.fromkeys(link for memory in learned for link in memory.linked_memory_ids)))
    naming = Match(collection.LINKED, tuple(memory.id for memory in learned))
    return (named, naming) if named.ids else (naming,)


def _around(memory: StoredMemory, candidates: Iterable[StoredMemory]) -> list[StoredMemory]:
    if memory.kind is Kind.EXCERPT:
        # The nearest turn alone: `previous` begins with it.
        before = [each for each in candidates if each.id in memory.previous[:1]]
        after = [each for each in candidates if each.previous[:1] == (memory.id,)]
        return [*before, *after]
    return [each for each in candidates if each.id in memory.linked_memory_ids or memory.id in each.linked_memory_ids]
