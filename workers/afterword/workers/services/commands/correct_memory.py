"""Correcting a memory, and reading what it said before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from afterword.schemas import InvalidInput, Kind, Memory
from afterword.schemas.answers import MemoryHistory, MemoryVersion
from afterword.schemas.commands import GetHistory, UpdateMemory
from afterword.schemas.errors import shortened
from afterword.workers.core.errors import NotFound
from afterword.workers.services.commands.changes import Changes, audit_row
from afterword.workers.services.commands.corrections import Corrections
from afterword.workers.services.commands.owner_search import fitting
from afterword.workers.services.policy.access import asker_of, owner_of
from afterword.workers.stores.ledger import audit, versions
from afterword.workers.stores.ledger.versions import Version
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.stores.vectors.views import MemoryView


class MemoryCorrector:
    """Answers `update` and `history`."""

    def __init__(self, changes: Changes, corrections: Corrections) -> None:
        self._changes = changes
        self._corrections = corrections

    def update(self, command: UpdateMemory, _: float | None) -> Memory:
        """The memory as corrected. The same request again makes no other version, and answers the memory as it is.

        The correction holds once it is recorded; where the store is away by then, a sweep writes it.

        Raises: NotFound; InvalidInput, for an excerpt; EmbeddingFailed, LedgerUnavailable, VectorStoreUnavailable.
        """
        view = self._changes.views.of(owner_of(command))
        memory = _one(view, command.memory_id)
        if memory.kind is Kind.EXCERPT:
            mend = "must be a fact or a note: an excerpt is what somebody said; delete it, or add a note"
            raise InvalidInput("memory_id", "an excerpt", mend)
        if self._is_repeated(command, memory.id):
            self._corrections.carry_out(command.tenant_id, memory.id)
            return to_memory(_one(view, memory.id))
        # Before anything is recorded: while the embedder is away nothing changes.
        text = memory.text if command.text is None else command.text
        vector = self._corrections.vector_of(text)
        with self._changes.locked(command) as connection:
            version = self._record(connection, command, memory)
        if version is not None:
            self._changes.metrics.memories.labels("update", memory.scope, memory.kind).inc()
            if version.text == text:
                self._corrections.write(version, vector)
        # What another correction left undone, if anything.
        self._corrections.carry_out(command.tenant_id, memory.id)
        return to_memory(_one(view, memory.id))

    def history(self, command: GetHistory, _: float | None) -> MemoryHistory:
        """Its versions, newest first. Raises: NotFound, InvalidInput, LedgerUnavailable, VectorStoreUnavailable."""
        memory = _one(self._changes.views.of(owner_of(command)), command.memory_id)
        before = _number(command.cursor)
        with self._changes.database.transaction() as connection:
            # One more than asked for at each end: when the newest of them ended, and whether there are others.
            since = None if before is None else before + 1
            found = versions.page(connection, command.tenant_id, memory.id, before=since, limit=command.limit + 2)
        if not found and before is None:
            only = MemoryVersion(number=1, text=memory.text, metadata=memory.metadata, since=memory.created_at)
            return MemoryHistory(memory_id=memory.id, versions=(only,))
        told = list(told_versions(found, before))
        page = told[: min(command.limit, fitting(told))]
        more = str(page[-1].number) if len(page) < len(told) else None
        return MemoryHistory(memory_id=memory.id, versions=tuple(page), next_cursor=more)

    def _is_repeated(self, command: UpdateMemory, memory_id: str) -> bool:
        with self._changes.database.transaction() as connection:
            return versions.is_recorded(connection, command.tenant_id, memory_id, command.request_id)

    def _record(self, connection: Connection, command: UpdateMemory, memory: StoredMemory) -> Version | None:
        """Record the correction and tell the audit; None where the request has done so meanwhile."""
        tenant_id, user_id = command.tenant_id, memory.user_id
        if not versions.lock(connection, tenant_id, memory.id):
            # Removed since it was looked up; or a fact, which is found before its batch is on the books.
            raise NotFound("there is no such memory, or it is still being written: try again")
        if versions.is_recorded(connection, tenant_id, memory.id, command.request_id):
            return None
        last = versions.newest(connection, tenant_id, memory.id)
        if last is None:
            last = Version(
                memory_id=memory.id,
                number=1,
                tenant_id=tenant_id,
                user_id=user_id,
                text=memory.text,
                metadata=memory.metadata,
                since=memory.created_at,
                stored_at=memory.created_at,
            )
            versions.write(connection, last)
        version = Version(
            memory_id=memory.id,
            number=last.number + 1,
            tenant_id=tenant_id,
            user_id=user_id,
            # What is left out stays as the last correction has it, which the store may not hold yet.
            text=last.text if command.text is None else command.text,
            metadata=last.metadata if command.metadata is None else command.metadata,
            since=datetime.now(UTC),
            by=asker_of(command) or command.user_id,
            request_id=command.request_id,
        )
        versions.write(connection, version)
        told = {"scope": memory.scope.value, "kind": memory.kind.value, "version": version.number}
        audit.write(connection, [audit_row(command, "memory_update", count=1, memory_id=memory.id, **told)])
        return version


def _one(view: MemoryView, memory_id: str) -> StoredMemory:
    for memory in view.get([memory_id]):
        return memory
    raise NotFound("there is no such memory")


def told_versions(found: Sequence[Version], before: int | None) -> Iterator[MemoryVersion]:
    """The versions below `before`, each with the time when the next one took its place."""
    until = None
    for each in found:
        if before is None or each.number < before:
            yield MemoryVersion(
                number=each.number,
                text=each.text,
                metadata=each.metadata,
                since=each.since,
                until=until,
                by=each.by,
            )
        until = each.since


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise InvalidInput("cursor", shortened(cursor), "pass next_cursor of the page before")
    return int(cursor)
