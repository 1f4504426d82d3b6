"""Work in flight: it is learned from a user just now. Whoever voids it must remove what workers may still write."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from afterword.workers.services.memories.excerpts import excerpt_ids
from afterword.workers.stores.ledger.extraction import journal, progress, subjects
from afterword.workers.stores.ledger.extraction.subjects import Subject
from afterword.workers.stores.ledger.ingest import conversations, excerpts


@dataclass(frozen=True, slots=True)
class InHand:
    """The facts and excerpts that workers may be writing just now, by id, and the agents that would learn the facts."""

    facts: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    excerpts: tuple[str, ...] = ()

    @property
    def memory_ids(self) -> tuple[str, ...]:
        """All of these memories."""
        return (*self.facts, *self.excerpts)


def void(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> InHand:
    """Void all that is being learned of a user, whose subject is locked; nothing of theirs is due any more.

    Returns the memories of it that a worker may be writing all the same; of excerpts, those of one session or of all.
    """
    unwritten = excerpts.unwritten(connection, tenant_id, user_id, session_id)
    learned = void_batch(connection, tenant_id, user_id)
    ids = tuple(id for each in unwritten for turn in each.turns for id in excerpt_ids(each, turn))
    return InHand(learned.facts, learned.agents, ids)


def void_batch(connection: Connection, tenant_id: str, user_id: str) -> InHand:
    """Void the open batch of a user, whose subject is locked; excerpts are written on."""
    # Read before it is removed: the worker that holds this answer may have written some of its facts.
    begun = journal.read(connection, tenant_id, user_id)
    journal.remove(connection, tenant_id, user_id)
    subjects.raise_generation(connection, tenant_id, user_id)
    facts = begun.facts if begun else ()
    agents = dict.fromkeys(fact.agent_id for fact in facts if fact.agent_id)
    return InHand(tuple(fact.id for fact in facts), tuple(agents))


def extract_anew(connection: Connection, subject: Subject, *, but: str | None = None) -> None:
    """Let what waits of a subject, whose work was voided, be extracted at once, in its new generation; not that of the
    session `but`.
    """
    tenant_id, user_id = subject.tenant_id, subject.user_id
    conversations.carry_over(connection, tenant_id, user_id, but=but, generation=subject.generation + 1)
    waiting = progress.waiting(connection, tenant_id, user_id)
    if waiting.last_at is not None:
        subjects.note_pending(connection, subject, due_at=subject.now, tokens=waiting.tokens)
