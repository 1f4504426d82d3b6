"""Adding a memory by hand: a note."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

from afterword.schemas import AddMemory, Kind, Memory, Scope
from afterword.schemas.zones import in_zone
from afterword.workers.core import ids
from afterword.workers.core.errors import Denied, NotFound
from afterword.workers.models.embedders.port import Embedder, embed_each
from afterword.workers.services.commands.changes import Changes, audit_row, origin_of
from afterword.workers.services.memories.bookkeeping import memory_save
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.services.policy.access import owner_of
from afterword.workers.services.recall.askers_clock import NEWEST, clock_of
from afterword.workers.stores.ledger import audit, wishes
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.text.language import detect


class MemoryAdder:
    """Answers `add`."""

    def __init__(self, changes: Changes, *, embedder: Embedder, topics: Topics) -> None:
        self._changes = changes
        self._embedder = embedder
        self._topics = topics

    def add(self, command: AddMemory, _: float | None) -> Memory:
        """The note as stored. The same request again changes nothing, and answers the note that is there.

        Raises: NotFound, where there is nothing to replace; Denied, for a user who objects; Erased, when the user was
            erased meanwhile; EmbeddingFailed, LedgerUnavailable, VectorStoreUnavailable.
        """
        begun = time.perf_counter()
        owner = owner_of(command)
        view = self._changes.views.of(owner)
        memory = _note(command, clock_of(view.page(owner, limit=NEWEST).memories))
        # Before it is embedded: a repeated request needs no model.
        added_before = view.get([memory.id])
        if added_before:
            return to_memory(added_before[0], None)
        if command.replaces is not None and not view.get([command.replaces]):
            raise NotFound("there is no memory of that id to replace")
        # Before the subject's lock: the embedder may take its time.
        [vector] = embed_each(self._embedder, [memory.text])
        memory = self._topics.labelled([(memory, vector)])[0][0]
        books = self._changes.books
        record = books.record_of(memory, command.metadata, source="hand")
        with self._changes.locked(command) as connection:
            if command.user_id is not None:
                subjects.refuse_erased(connection, command.tenant_id, command.user_id, since=memory.created_at)
                if wishes.objects(connection, command.tenant_id, command.user_id):
                    raise Denied("memory is off for this user: `afterword users set USER --memory` switches it on")
            # Under the lock, so that a clear comes either before or after all of it.
            view.insert([(memory, vector)])
            books.note_saved(connection, [record], active=True)
            seconds = time.perf_counter() - begun
            refused = [memory.id] if vector is None else []
            saved = memory_save(
                origin_of(command), kind=memory.kind, saved=1, messages=0, seconds=seconds, without_vector=refused
            )
            told = {"scope": memory.scope.value} | ({"replaces": memory.replaces} if memory.replaces else {})
            added = audit_row(command, "memory_add", count=1, memory_id=memory.id, **told)
            audit.write(connection, [saved, added])
        self._changes.metrics.memories.labels("add", memory.scope, memory.kind).inc()
        return to_memory(memory, None)


def _note(command: AddMemory, clock: tzinfo | None) -> StoredMemory:
    now = datetime.now(UTC)
    scope = Scope.AGENT if command.agent_id else Scope.SESSION if command.session_id else Scope.USER
    language = detect(command.text)
    return StoredMemory(
        # The id follows from the request, so that a request that comes twice adds once.
        id=ids.note_id(command.tenant_id, command.user_id, command.agent_id, command.session_id, command.request_id),
        text=command.text,
        scope=scope,
        kind=Kind.NOTE,
        tenant_id=command.tenant_id,
        user_id=command.user_id,
        agent_id=command.agent_id,
        session_id=command.session_id,
        language=language,
        importance=importance(command.text, Kind.NOTE, language=language),
        occurred_at=command.occurred_at or in_zone(now, clock),
        created_at=now,
        linked_memory_ids=(command.replaces,) if command.replaces else (),
        replaces=command.replaces,
        metadata=command.metadata,
    )
