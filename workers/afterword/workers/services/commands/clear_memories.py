"""Clearing an owner: all of their memories, and all that is on its way to become one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from afterword.schemas import ClearMemories, ConversationFinished, InvalidInput, Removed, UnsupportedVersion
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import QueueAdmin
from afterword.workers.services.commands import work_in_flight
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.services.commands.users_named import is_about, letters_of
from afterword.workers.services.ingest.recorder import remember_turns
from afterword.workers.services.policy.access import asker_of
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.ledger import deletions, locks, memories
from afterword.workers.stores.ledger.deletions import Wanted
from afterword.workers.stores.ledger.extraction import journal, subjects
from afterword.workers.stores.ledger.ingest import conversations, deferred, sessions
from afterword.workers.stores.ledger.upkeep import dead_letters

_DEAD_AT_MOST = 100_000


class MemoryClearer:
    """Answers `clear`."""

    def __init__(self, changes: Changes, queues: QueueAdmin, deletions: Deletions) -> None:
        self._changes = changes
        self._queues = queues
        self._deletions = deletions

    def clear(self, command: ClearMemories, within: float | None) -> Removed:
        """Remove all memories of an owner, so that nothing in flight brings them back.

        First the queues are emptied, then the ledger, where the clear is recorded. From that commit on nothing of it is
        shown any more, and a worker that has the subject in hand takes back its writes. The vector store comes last,
        when nobody writes to it any more. While it is away the clear is `pending`, and a sweep completes it. It is also
        `pending` when removing takes longer than `within` seconds.

        Raises: MemoryUnavailable, LedgerUnavailable; nothing is cleared in the ledger then.
        """
        deadline = Deadline.within(within)
        dropped: Sequence[dict[str, Any]] = ()
        if command.user_id:
            dropped = drop_messages(self._queues, command.tenant_id, command.user_id, command.session_id)
        with self._changes.database.transaction() as connection:
            wanted = (
                self._void(connection, command, dropped) if command.user_id else self._void_agent(connection, command)
            )
            recorded = deletions.record(connection, wanted)
        return self._deletions.carry_out(recorded, deadline)

    def _void(self, connection: Connection, command: ClearMemories, dropped: Iterable[dict[str, Any]]) -> Wanted:
        """Void all work in flight for a subject, and take all of theirs off the books."""
        tenant_id, user_id, session_id = command.tenant_id, command.user_id or "", command.session_id
        subject = subjects.lock(connection, tenant_id, user_id)
        held = work_in_flight.void(connection, tenant_id, user_id, session_id)
        conversations.clear(connection, tenant_id, user_id, session_id)
        letters = dead_letters.clear(connection, tenant_id, user_id, wanted=letters_of(user_id, session_id))
        waiting = [json.loads(body) for body in deferred.remove_of(connection, tenant_id, user_id, session_id)]
        for event in _events((*dropped, *waiting, *(read_message(body)[1] for body in letters))):
            # Never taken in, and cleared all the same: the next window of its thread must not bring it.
            remember_turns(connection, event)
        sessions.clear(connection, tenant_id, user_id, session_id)
        known = self._changes.books.erase_rows(connection, tenant_id, user_id, session_id)
        if session_id is not None:
            work_in_flight.extract_anew(connection, subject, but=session_id)
        return Wanted(
            tenant_id=tenant_id,
            user_id=user_id,
            session_id=session_id,
            everything=True,
            memory_ids=held.memory_ids,
            agents=held.agents,
            requested_by=asker_of(command),
            known=known,
        )

    def _void_agent(self, connection: Connection, command: ClearMemories) -> Wanted:
        tenant_id, agent_id = command.tenant_id, command.agent_id or ""
        # Extraction journals an agent's facts under this lock: they come before this clear, or know of it.
        locks.serialise(connection, [locks.of_agent(tenant_id, agent_id)])
        # Before the rows: a batch that is committed just now has put its facts on the books by then.
        withdrawn = journal.withdraw(connection, tenant_id, agent_id)
        gone = memories.clear_agent(connection, tenant_id, agent_id)
        known = self._changes.books.note_removed(connection, gone, datetime.now(UTC))
        return Wanted(
            tenant_id=command.tenant_id,
            agent_id=command.agent_id,
            everything=True,
            memory_ids=tuple(withdrawn),
            requested_by=asker_of(command),
            known=known,
        )


def drop_messages(
    queues: QueueAdmin, tenant_id: str, user_id: str, session_id: str | None = None
) -> list[dict[str, Any]]:
    """Take a subject's messages, or those of one session, out of the queues: conversations wherever they are, others
    where they are dead. Returns the bodies of the conversations.

    A message that a worker holds at this moment is not found; it is still taken in.

    Raises: MemoryUnavailable.
    """
    wanted = is_about(tenant_id, user_id, session_id)
    found = {id: data for id, data in queues.messages(Queue.CONVERSATIONS) if wanted(data)}
    queues.drop(Queue.CONVERSATIONS, list(found))
    for queue in Queue:
        # In every queue: a dead command or question may name the user as well.
        dead = queues.dead_messages(queue, _DEAD_AT_MOST)
        queues.forget_dead(queue, [message.redis_id for message in dead if wanted(message.data)])
    return [read_message(data)[1] for data in found.values()]


def _events(bodies: Iterable[dict[str, Any]]) -> Iterable[ConversationFinished]:
    for body in bodies:
        with suppress(InvalidInput, UnsupportedVersion):
            yield ConversationFinished.parse(body)
