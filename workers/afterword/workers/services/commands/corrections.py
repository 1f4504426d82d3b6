"""Carrying corrections out: the vector store's side of what is recorded in the ledger, at once or by a sweep."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from afterword.schemas.answers import MemoryOwner
from afterword.workers.core.leftovers import finish_each
from afterword.workers.models.embedders.port import Embedder, Vector, embed_each
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.ledger import memories, versions
from afterword.workers.stores.ledger.versions import Version
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text.language import detect

_AT_ONCE = 50


class Corrections:
    """Writes recorded corrections into the vector store. Doing it again changes nothing."""

    def __init__(self, changes: Changes, *, embedder: Embedder, topics: Topics) -> None:
        self._changes = changes
        self._embedder = embedder
        self._topics = topics

    def vector_of(self, text: str) -> Vector | None:
        """The vector of a text; None where the embedder refuses it. Raises: EmbeddingFailed, when it is away."""
        [vector] = embed_each(self._embedder, [text])
        return vector

    def carry_out(self, tenant_id: str, memory_id: str) -> None:
        """Write the newest version of a memory, unless the store has it.

        Raises: EmbeddingFailed, LedgerUnavailable, VectorStoreUnavailable; a sweep tries again then.
        """
        while (version := self._unstored(tenant_id, memory_id)) is not None:
            # Before the memory's lock: the embedder may take its time. Where another correction came meanwhile, that
            # one is written in the next round.
            vector = self.vector_of(version.text)
            self.write(version, vector)

    def write(self, version: Version, vector: Vector | None) -> None:
        """Write a version with its vector, unless there is a newer one. Raises: as `carry_out`."""
        with self._changes.database.transaction() as connection:
            # Under the lock, so that a deletion comes either before or after all of it, and no older text overwrites
            # a newer one.
            if not versions.lock(connection, version.tenant_id, version.memory_id):
                return
            newest = versions.newest(connection, version.tenant_id, version.memory_id)
            if newest is None or newest.number != version.number:
                return
            self._put(connection, version, vector)
            versions.note_stored(connection, version)

    def complete(self) -> None:
        """Write what could not be written when it was asked for; one that fails holds up no other.

        Raises: as `carry_out`, once the others were tried.
        """
        with self._changes.database.transaction() as connection:
            left = versions.unstored(connection, limit=_AT_ONCE)
        finish_each(left, lambda each: self.carry_out(*each))

    def _unstored(self, tenant_id: str, memory_id: str) -> Version | None:
        with self._changes.database.transaction() as connection:
            newest = versions.newest(connection, tenant_id, memory_id)
        return newest if newest is not None and newest.stored_at is None else None

    def _put(self, connection: Connection, version: Version, vector: Vector | None) -> None:
        for owner in memories.owners(connection, version.tenant_id, [version.memory_id]):
            view = self._changes.views.of(_owner(version.tenant_id, owner))
            # None where it has expired, or was removed from the store by itself: there is nothing to correct.
            for memory in view.get([version.memory_id]):
                [(corrected, same)] = self._topics.labelled([(_corrected(memory, version), vector)])
                view.replace(corrected, same)
                books = self._changes.books
                memories.correct(connection, books.record_of(corrected, {}, source="hand"))


def _corrected(memory: StoredMemory, version: Version) -> StoredMemory:
    language = detect(version.text)
    return replace(
        memory,
        text=version.text,
        metadata=version.metadata,
        language=language,
        importance=importance(version.text, memory.kind, memory.attributed_to, language=language),
        topic=None,
        updated_at=version.since,
    )


def _owner(tenant_id: str, owner: MemoryOwner) -> Owner:
    if owner.user_id is None:
        return AgentOwner(tenant_id, owner.agent_id or "")
    return UserOwner(tenant_id, owner.user_id)
