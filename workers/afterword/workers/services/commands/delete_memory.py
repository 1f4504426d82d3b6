"""Deleting one memory, and what was said where it is an excerpt: nothing may be learned from it any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from afterword.schemas import DeleteMemory, Kind, Removed
from afterword.workers.core.errors import NotFound, VectorStoreUnavailable
from afterword.workers.services.commands import work_in_flight
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.commands.deletions import Deletions, audited
from afterword.workers.services.commands.work_in_flight import InHand
from afterword.workers.services.memories.excerpts import excerpt_ids
from afterword.workers.services.memories.sources import excerpts_behind
from afterword.workers.services.policy.access import asker_of, owner_of
from afterword.workers.stores.ledger import deletions, memories
from afterword.workers.stores.ledger.deletions import Deletion, Wanted
from afterword.workers.stores.ledger.extraction import journal, subjects
from afterword.workers.stores.ledger.ingest import conversations, transcripts
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from afterword.workers.stores.ledger.memories import KnownMemory


class MemoryDeleter:
    """Answers `delete`."""

    def __init__(self, changes: Changes, carrier: Deletions) -> None:
        self._changes = changes
        self._carrier = carrier

    def delete(self, command: DeleteMemory, _: float | None) -> Removed:
        """Remove one memory. While the vector store is away that is `pending`: nothing shows it, and a sweep ends it.

        The turn of an excerpt is struck from its kept conversation. A worker that has the turn in hand takes back the
        facts that it learned, and the rest of the conversation is extracted anew.

        Raises: NotFound, LedgerUnavailable; VectorStoreUnavailable, when only that store knows whose it is, or from
            which words it comes.
        """
        named = {command.memory_id: self._known(command)}
        if command.with_source:
            named |= self._sources(command)
        with self._changes.locked(command) as connection:
            recorded = [self._record(connection, command, memory_id, known) for memory_id, known in named.items()]
        done = [self._carrier.carry_out(each) for each in recorded]
        pending = [each for each in done if each.pending]
        return pending[0] if pending else Removed(removed=len(recorded))

    def _record(self, connection: Connection, command: DeleteMemory, memory_id: str, known: KnownMemory) -> Deletion:
        """Record the deletion of one memory, take it off the books, and tell the audit."""
        # Only an excerpt is what somebody said: a fact or a note has no turn to strike.
        held = _strike(connection, command, memory_id, known) if known.kind is Kind.EXCERPT else InHand()
        gone = memories.remove(connection, command.tenant_id, [memory_id])
        self._changes.books.note_removed(connection, gone, datetime.now(UTC))
        of = {} if memory_id == command.memory_id else {"source_of": command.memory_id}
        wanted = Wanted(
            tenant_id=command.tenant_id,
            user_id=command.user_id,
            agent_id=command.agent_id,
            session_id=command.session_id,
            everything=False,
            # With the facts of an answer that is voided: a worker may be writing them just now.
            memory_ids=(memory_id, *held.memory_ids),
            agents=held.agents,
            details={"scope": known.scope.value, "kind": known.kind.value, **of},
            requested_by=asker_of(command),
            known=1,
        )
        audited(connection, wanted, memory_id)
        return deletions.record(connection, wanted)

    def _sources(self, command: DeleteMemory) -> dict[str, KnownMemory]:
        """The excerpts of the turn that a fact was learned from, by id."""
        view = self._changes.views.of(owner_of(command))
        return {
            each.id: KnownMemory(each.scope, each.kind, each.session_id, each.event_id)
            for fact in view.get([command.memory_id])
            for each in excerpts_behind(view, owner_of(command), fact)
        }

    def _known(self, command: DeleteMemory) -> KnownMemory:
        """Scope, kind and source of a memory, from the vector store, or from the ledger while that is away."""
        try:
            found = self._changes.views.of(owner_of(command)).get([command.memory_id])
        # The ledger knows enough to record the deletion; the store removes it later.
        except VectorStoreUnavailable:
            with self._changes.database.transaction() as connection:
                known = memories.find(
                    connection,
                    command.tenant_id,
                    command.memory_id,
                    user_id=command.user_id,
                    agent_id=command.agent_id,
                )
            # An outage, and not NotFound: the store may have a memory that the ledger does not know.
            if known is None or command.session_id not in (None, known.session_id):
                raise
            return known
        if not found:
            raise NotFound("there is no such memory")
        return KnownMemory(found[0].scope, found[0].kind, found[0].session_id, found[0].event_id)


def _strike(connection: Connection, command: DeleteMemory, memory_id: str, known: KnownMemory) -> InHand:
    """Strike the turn of an excerpt wherever it is kept. Returns what is being written of the batch that this voids."""
    tenant_id, user_id = command.tenant_id, command.user_id or ""
    kept = conversations.with_turns(
        connection, tenant_id, user_id, session_id=known.session_id, event_id=known.event_id
    )
    struck = [conversation for conversation in kept if _without(connection, conversation, memory_id)]
    return _extract_anew(connection, tenant_id, user_id) if struck else InHand()


def _without(connection: Connection, conversation: Conversation, memory_id: str) -> bool:
    """Strike a turn in one conversation; whether that takes it from extraction."""
    turns = [
        replace(turn, text="") if memory_id in excerpt_ids(conversation, turn) else turn for turn in conversation.turns
    ]
    changed = [place for place, turn in enumerate(turns) if turn != conversation.turns[place]]
    if changed:
        transcripts.strike(connection, conversation, turns)
    # Turns that were extracted before are no part of any work in flight.
    return any(place >= conversation.extracted_turns for place in changed)


def _extract_anew(connection: Connection, tenant_id: str, user_id: str) -> InHand:
    """Void the work in flight for the subject; everything that waits is extracted at once, in a new generation."""
    # Nobody has the turn in hand, and whoever comes next reads the conversation without it.
    if not journal.is_open(connection, tenant_id, user_id) and not subjects.in_work(connection, tenant_id, user_id):
        return InHand()
    subject = subjects.lock(connection, tenant_id, user_id)
    held = work_in_flight.void_batch(connection, tenant_id, user_id)
    work_in_flight.extract_anew(connection, subject)
    return held
