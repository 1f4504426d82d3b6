"""Reading what a memory comes from: its conversation, the words, and how it was learned from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import Connection

from afterword.schemas import Kind, Scope
from afterword.schemas.answers import MemoryProvenance, SourceTurn
from afterword.schemas.commands import GetProvenance
from afterword.workers.core.errors import NotFound
from afterword.workers.services.memories.sources import excerpts_of_event
from afterword.workers.services.policy.access import owner_of
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.views import Views

_LONGEST = 4_000
"""Characters of a turn: 21 of them are an answer of 250 KB at most."""


class ProvenanceReader:
    """Answers `provenance`."""

    def __init__(self, database: Database, views: Views) -> None:
        self._database = database
        self._views = views

    def get(self, command: GetProvenance, _: float | None) -> MemoryProvenance:
        """What one memory comes from. Raises: NotFound, LedgerUnavailable, VectorStoreUnavailable."""
        owner = owner_of(command)
        view = self._views.of(owner)
        found = view.get([command.memory_id])
        if not found:
            raise NotFound("there is no such memory")
        [memory] = found
        with self._database.transaction() as connection:
            learned = memories.learned(connection, command.tenant_id, [memory.id]).get(memory.id)
            added = audit.of_memory(connection, command.tenant_id, "memory_add", memory.id)
            turns = _kept_turns(connection, memory) if _has_words(memory) else []
        if not turns and _has_words(memory):
            # The transcript was dropped: the excerpts say the same.
            turns = list(_turns_of(excerpts_of_event(view, owner, memory.event_id or "")))
        return MemoryProvenance(
            memory_id=memory.id,
            kind=memory.kind,
            source=learned.source if learned else None,
            event_id=memory.event_id,
            message=memory.message,
            message_id=memory.message_id,
            session_id=memory.session_id,
            agent_id=learned.agent_id if learned else memory.agent_id,
            model=learned.model if learned else None,
            prompt_version=learned.prompt_version if learned else None,
            batch_id=(learned.batch_id if learned else None) or added.get("batch_id"),
            by=added.get("by") if memory.kind is Kind.NOTE else None,
            occurred_at=memory.occurred_at,
            created_at=memory.created_at,
            turns=tuple(_around(turns, memory.message, command.around)),
        )


def _has_words(memory: StoredMemory) -> bool:
    # What an agent learned is open to who has a role in it, and what its user said is not.
    return memory.scope is not Scope.AGENT and None not in (memory.event_id, memory.message, memory.user_id)


def _kept_turns(connection: Connection, memory: StoredMemory) -> list[SourceTurn]:
    parts = conversations.of_event(connection, memory.tenant_id, memory.user_id or "", memory.event_id or "")
    return [
        SourceTurn(message=turn.position, role=turn.role, text=turn.text, at=turn.at)
        for part in parts
        for turn in part.turns
        # One without a text was deleted.
        if turn.text
    ]


def _turns_of(excerpts: Sequence[StoredMemory]) -> Iterator[SourceTurn]:
    """The turns that excerpts are pieces of."""
    placed = (each for each in excerpts if each.message is not None)
    for message, pieces in groupby(placed, key=lambda each: each.message):
        together = list(pieces)
        first = together[0]
        text = "\n".join(each.text for each in together)
        yield SourceTurn(message=message or 0, role=first.role or "", text=text, at=first.occurred_at)


def _around(turns: Sequence[SourceTurn], message: int | None, around: int) -> Iterator[SourceTurn]:
    places = [place for place, turn in enumerate(turns) if turn.message == message]
    # The turn itself is gone: those that stood around it say little, and may be others.
    if not places:
        return
    for turn in turns[max(0, places[0] - around) : places[-1] + around + 1]:
        yield turn.model_copy(update={"text": _shortened(turn.text), "is_source": turn.message == message})


def _shortened(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} […] {text[-half:]}"
