"""Clearing an owner: all of their memories, and all that is on its way to become one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from afterword.schemas import ClearMemories, Removed
from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import QueueAdmin
from afterword.workers.services.commands.changes import Changes, audit_row
from afterword.workers.services.extraction.writing import take_back
from afterword.workers.services.policy.access import owner_of
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.extraction import journal, progress, subjects
from afterword.workers.stores.ledger.extraction.journal import Entry
from afterword.workers.stores.ledger.extraction.subjects import Subject
from afterword.workers.stores.ledger.ingest import conversations, sessions
from afterword.workers.stores.ledger.upkeep import dead_letters


class MemoryClearer:
    """Answers `clear`."""

    def __init__(self, changes: Changes, queues: QueueAdmin) -> None:
        self._changes = changes
        self._queues = queues

    def clear(self, command: ClearMemories, _: float | None) -> Removed:
        """All removed, and nothing that is in flight brings them back.

        The queue is emptied first, then the ledger: from that commit on, whoever works for the subject takes back what
        it writes. The vector store comes last, for nobody writes to it any more.

        Raises: MemoryUnavailable, LedgerUnavailable, VectorStoreUnavailable.
        """
        begun, known = None, 0
        if command.user_id:
            drop_conversations(self._queues, command.tenant_id, command.user_id, command.session_id)
            begun, known = self._void(command.tenant_id, command.user_id, command.session_id)
        owner = owner_of(command)
        view = self._changes.views.of(owner)
        counts = view.counts_by_kind(owner)
        removed = view.delete_all()
        if begun is not None:
            take_back(self._changes.views, begun)
        with self._changes.database.transaction() as connection:
            if command.agent_id is not None:
                gone = memories.clear_agent(connection, command.tenant_id, command.agent_id)
                known = self._changes.books.note_removed(connection, gone, datetime.now(UTC))
            audit.write(connection, [audit_row(command, "memory_clear", count=known, stored=removed)])
        self._changes.metrics.count_memories("delete", counts)
        return Removed(removed=removed)

    def _void(self, tenant_id: str, user_id: str, session_id: str | None) -> tuple[Entry | None, int]:
        """Void all work in flight for a subject.

        Returns the batch that was begun, if there was one, and how many memories the ledger knew of.
        """
        with self._changes.database.transaction() as connection:
            subject = subjects.lock(connection, tenant_id, user_id)
            begun = journal.read(connection, tenant_id, user_id)
            journal.remove(connection, tenant_id, user_id)
            subjects.raise_generation(connection, tenant_id, user_id)
            conversations.clear(connection, tenant_id, user_id, session_id)
            sessions.clear(connection, tenant_id, user_id, session_id)
            known = self._changes.books.erase_rows(connection, tenant_id, user_id, session_id)
            if session_id is None:
                dead_letters.clear(connection, tenant_id, user_id)
            else:
                _extract_others_anew(connection, subject, cleared=session_id)
        return begun, known


def _extract_others_anew(connection: Connection, subject: Subject, *, cleared: str) -> None:
    """What waits of a subject's other sessions belongs to the new generation, and is extracted at once."""
    tenant_id, user_id = subject.tenant_id, subject.user_id
    conversations.carry_over(connection, tenant_id, user_id, but=cleared, generation=subject.generation + 1)
    waiting = progress.waiting(connection, tenant_id, user_id)
    if waiting.last_at is not None:
        subjects.note_pending(connection, subject, due_at=subject.now, tokens=waiting.tokens)


def drop_conversations(queues: QueueAdmin, tenant_id: str, user_id: str, session_id: str | None = None) -> int:
    """Take a subject's conversations, or those of one session, out of their queue, dead ones too; how many.

    One that a worker has in its hands already is not found: it is taken in.

    Raises: MemoryUnavailable.
    """
    wanted = _is_of(tenant_id, user_id, session_id)
    found = [message_id for message_id, data in queues.messages(Queue.CONVERSATIONS) if wanted(read_message(data)[1])]
    return queues.drop(Queue.CONVERSATIONS, found)


def _is_of(tenant_id: str, user_id: str, session_id: str | None) -> Callable[[dict[str, Any]], bool]:
    def is_of(body: dict[str, Any]) -> bool:
        # Ids may be numbers in what others publish; their text form is what is kept.
        owner = (str(body.get("tenant_id", DEFAULT_TENANT)), str(body.get("user_id")))
        return owner == (tenant_id, user_id) and session_id in (None, str(body.get("session_id")))

    return is_of
