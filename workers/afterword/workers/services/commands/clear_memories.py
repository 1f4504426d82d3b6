"""Clearing an owner: all of their memories, and all that is on its way to become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from afterword.schemas import ClearMemories, ConversationFinished, InvalidInput, Removed, UnsupportedVersion
from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import QueueAdmin
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.services.commands.users_named import users_named
from afterword.workers.services.ingest.recorder import remember_turns
from afterword.workers.services.memories.excerpts import excerpt_ids
from afterword.workers.services.policy.access import asker_of
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.ledger import deletions, locks, memories
from afterword.workers.stores.ledger.deletions import Wanted
from afterword.workers.stores.ledger.extraction import journal, progress, subjects
from afterword.workers.stores.ledger.extraction.journal import Entry
from afterword.workers.stores.ledger.extraction.subjects import Subject
from afterword.workers.stores.ledger.ingest import conversations, excerpts, sessions
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter

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
        # Read before it is removed: the worker that holds this answer may have written some of its facts.
        begun = journal.read(connection, tenant_id, user_id)
        journal.remove(connection, tenant_id, user_id)
        subjects.raise_generation(connection, tenant_id, user_id)
        unwritten = excerpts.unwritten(connection, tenant_id, user_id, session_id)
        conversations.clear(connection, tenant_id, user_id, session_id)
        letters = dead_letters.clear(connection, tenant_id, user_id, wanted=letters_of(user_id, session_id))
        for event in _events((*dropped, *(read_message(body)[1] for body in letters))):
            # Never taken in, and cleared all the same: the next window of its thread must not bring it.
            remember_turns(connection, event)
        sessions.clear(connection, tenant_id, user_id, session_id)
        known = self._changes.books.erase_rows(connection, tenant_id, user_id, session_id)
        if session_id is not None:
            _extract_others_anew(connection, subject, cleared=session_id)
        return Wanted(
            tenant_id=tenant_id,
            user_id=user_id,
            session_id=session_id,
            everything=True,
            memory_ids=in_hand(begun, unwritten),
            agents=agents_of(begun),
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


def _extract_others_anew(connection: Connection, subject: Subject, *, cleared: str) -> None:
    """Move the waiting conversations of the other sessions to the new generation, and let them be extracted at once."""
    tenant_id, user_id = subject.tenant_id, subject.user_id
    conversations.carry_over(connection, tenant_id, user_id, but=cleared, generation=subject.generation + 1)
    waiting = progress.waiting(connection, tenant_id, user_id)
    if waiting.last_at is not None:
        subjects.note_pending(connection, subject, due_at=subject.now, tokens=waiting.tokens)


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


def agents_of(begun: Entry | None) -> tuple[str, ...]:
    """The agents that would have learned from a batch."""
    return tuple({fact.agent_id: None for fact in begun.facts if fact.agent_id}) if begun else ()


def in_hand(begun: Entry | None, unwritten: Iterable[Conversation]) -> tuple[str, ...]:
    """The memories that a worker may be writing just now: facts of an open batch, and excerpts of conversations."""
    excerpts = (id for each in unwritten for turn in each.turns for id in excerpt_ids(each, turn))
    return (*(fact.id for fact in (begun.facts if begun else ())), *excerpts)


def _events(bodies: Iterable[dict[str, Any]]) -> Iterable[ConversationFinished]:
    for body in bodies:
        with suppress(InvalidInput, UnsupportedVersion):
            yield ConversationFinished.parse(body)


def is_about(tenant_id: str, user_id: str, session_id: str | None = None) -> Callable[[bytes], bool]:
    """Tells of a message, as it lies in a queue, whether it is a user's, or that session's of theirs."""

    def is_of(data: bytes) -> bool:
        body = read_message(data)[1]
        if "user_id" not in body:
            # Nobody's by its shape; whose it is says what is in it. Of which session, nothing does.
            return session_id is None and user_id in users_named(data)
        # Ids may be numbers in what others publish; their text form is what is kept.
        owner = (str(body.get("tenant_id", DEFAULT_TENANT)), str(body.get("user_id")))
        return owner == (tenant_id, user_id) and session_id in (None, str(body.get("session_id")))

    return is_of


def letters_of(user_id: str, session_id: str | None = None) -> Callable[[DeadLetter], bool]:
    """Tells of a letter whether it is a user's, or that session's of theirs."""

    def is_wanted(letter: DeadLetter) -> bool:
        if letter.user_id is None:
            return session_id is None and user_id in users_named(letter.body)
        return session_id in (None, str(read_message(letter.body)[1].get("session_id")))

    return is_wanted
