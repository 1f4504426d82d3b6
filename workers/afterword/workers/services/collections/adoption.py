"""Adoption: memories that plain mem0 wrote become memories of a tenant, where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from afterword.schemas import Scope
from afterword.workers.models.embedders.port import Embedder, embed_each
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload, to_payload
from afterword.workers.stores.vectors.queries import Filter, Hit, Missing, Payload
from afterword.workers.stores.vectors.schema import Shape, recognise

_AT_ONCE = 100
_FILLED_IN = (
    *(c.TENANT, c.SCOPE, c.KIND, c.LANGUAGE, c.LEXICAL, c.IMPORTANCE, c.TOPIC, c.OCCURRED_AT, c.EXPIRES_AT, c.METADATA),
)


@dataclass(frozen=True, slots=True)
class AdoptionReport:
    """How many memories were adopted, and how many points stay as they are. `nobodys` name neither a user nor an agent
    (a run alone is nobody's); `foreign` are no memories of mem0's.
    """

    memories: int = 0
    nobodys: int = 0
    foreign: int = 0


class Adoption:
    """Gives what plain mem0 wrote to a tenant."""

    def __init__(
        self, *, admin: StoreAdmin, database: Database, books: Books, embedder: Embedder, topics: Topics
    ) -> None:
        self._admin = admin
        self._database = database
        self._embedder = embedder
        self._topics = topics
        self._books = books

    def adopt(self, tenant_id: str) -> AdoptionReport:
        """Give every memory that plain mem0 wrote to a tenant, with the scope, language, search terms, importance,
        topic, time and metadata that follow from it, and its row in the ledger. mem0's own fields and the vector stay:
        mem0 reads it as before.

        Run again after a failure, it goes on with what is left.

        Raises: VectorStoreUnavailable, LedgerUnavailable, EmbeddingFailed.
        """
        found: Counter[str] = Counter()
        for hits in self._admin.scan_batches(Filter((Missing(c.TENANT),)), size=_AT_ONCE):
            read = [replace(from_payload(hit.id, hit.payload), tenant_id=tenant_id) for hit in hits if _is_memory(hit)]
            memories = [memory for memory in read if _has_owner(memory)]
            self._adopt_some(memories)
            found.update(memories=len(memories), nobodys=len(read) - len(memories), foreign=len(hits) - len(read))
        return AdoptionReport(**found)

    def _adopt_some(self, memories: Sequence[StoredMemory]) -> None:
        if not memories:
            return
        vectors = embed_each(self._embedder, [memory.text for memory in memories])
        complete = [
            _completed(memory) for memory, _ in self._topics.labelled(list(zip(memories, vectors, strict=True)))
        ]
        # Rows first, since what carries a tenant is not looked at again. One that is there stays as it is.
        with self._database.transaction() as connection:
            # In one order, so that two adoptions never wait for each other in a circle.
            for user in sorted({(each.tenant_id, each.user_id) for each in complete if each.user_id is not None}):
                subjects.lock(connection, *user)
            self._books.note_saved(
                connection, [self._books.record_of(each, each.metadata, source="mem0") for each in complete]
            )
        for memory in complete:
            self._admin.set_payload(memory.id, _filled_in(memory))


def _completed(memory: StoredMemory) -> StoredMemory:
    return replace(memory, importance=importance(memory.text, memory.kind, memory.attributed_to))


def _filled_in(memory: StoredMemory) -> Payload:
    """The fields that a point of plain mem0's lacks."""
    payload = to_payload(memory)
    return {field: payload[field] for field in _FILLED_IN if field in payload}


def _is_memory(hit: Hit) -> bool:
    payload = hit.payload
    texts = (payload.get(field, "") for field in (c.TEXT, c.USER, c.AGENT, c.SESSION))
    plain = bool(payload.get(c.TEXT)) and all(isinstance(text, str | None) for text in texts)
    return plain and recognise(payload) in (Shape.MEM0_1, Shape.MEM0_2) and _is_uuid(hit.id)


def _has_owner(memory: StoredMemory) -> bool:
    # Memories that an agent learned in a run may be about the person it talked with: they are not shown to all.
    return bool(memory.agent_id if memory.scope is Scope.AGENT else memory.user_id)


def _is_uuid(point_id: str) -> bool:
    try:
        UUID(point_id)
    except ValueError:
        return False
    return True
