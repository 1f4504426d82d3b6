"""Importing memories that were kept elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from afterword.schemas.imports import GivenMemory, ImportedCount, ImportMemories
from afterword.workers.core import ids
from afterword.workers.core.errors import Denied
from afterword.workers.core.origin import Origin
from afterword.workers.models.embedders.port import Embedder, embed_each
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.access import asker_of
from afterword.workers.stores.ledger import audit, wishes
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.views import MemoryView
from afterword.workers.text.language import detect


class MemoryImporter:
    """Answers `users_import`."""

    def __init__(self, changes: Changes, *, embedder: Embedder, topics: Topics) -> None:
        self._changes = changes
        self._embedder = embedder
        self._topics = topics

    def run(self, command: ImportMemories, _: float | None) -> ImportedCount:
        """Write those that are not there: neither under their own id, exported from here, nor imported before.

        Raises: Denied, for a user who objects; EmbeddingFailed, LedgerUnavailable, VectorStoreUnavailable.
        """
        begun = time.perf_counter()
        view = self._changes.views.of(UserOwner(command.tenant_id, command.user_id))
        wanted = [_memory(command, given) for given in _unknown(view, command)]
        # Before the subject's lock: the embedder may take its time.
        vectors = embed_each(self._embedder, [each.text for each in wanted]) if wanted else []
        memories = self._topics.labelled(list(zip(wanted, vectors, strict=True)))
        books, by = self._changes.books, asker_of(command) or command.user_id
        records = [books.record_of(memory, memory.metadata, source="import") for memory, _ in memories]
        with self._changes.locked(command) as connection:
            if wishes.objects(connection, command.tenant_id, command.user_id):
                raise Denied("memory is off for this user: `afterword users set USER --memory` switches it on")
            # Under the lock, so that a clear comes either before or after all of it.
            view.insert(memories)
            added = books.note_saved(connection, records)
            told = {"by": by, "given": len(command.memories), "seconds": round(time.perf_counter() - begun, 6)}
            origin = Origin(tenant_id=command.tenant_id, user_id=command.user_id)
            audit.write(connection, [audit.Event.of("user_import", origin, told, result_count=added)])
        self._changes.metrics.count_memories("add", Counter((each.scope, each.kind) for each in wanted))
        return ImportedCount(added=added, known=len(command.memories) - added)


def _unknown(view: MemoryView, command: ImportMemories) -> Sequence[GivenMemory]:
    # Each once, and the first of two that share an id.
    given = {each.id: each for each in reversed(command.memories)}
    names = {each: ids.import_id(command.tenant_id, command.user_id, each) for each in given}
    there = {memory.id for memory in view.get([*given, *names.values()])}
    return [each for each in given.values() if each.id.lower() not in there and names[each.id] not in there]


def _memory(command: ImportMemories, given: GivenMemory) -> StoredMemory:
    language = detect(given.text)
    return StoredMemory(
        id=ids.import_id(command.tenant_id, command.user_id, given.id),
        text=given.text,
        scope=given.scope,
        kind=given.kind,
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        session_id=given.session_id,
        event_id=given.event_id,
        message=given.message,
        role=given.role,
        language=language,
        importance=importance(given.text, given.kind, given.role, language=language),
        occurred_at=given.occurred_at,
        created_at=datetime.now(UTC),
        metadata=given.metadata,
    )
