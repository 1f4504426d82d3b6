"""The records of an extraction in the ledger: dead letters and audit rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from afterword.schemas import Kind
from afterword.workers.core.origin import Origin
from afterword.workers.core.turns import Turn
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.memories.bookkeeping import memory_save
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter


def letter(
    tenant_id: str, user_id: str, event_id: str, error: str, *, conversation_id: int, turn: Turn | None = None
) -> DeadLetter:
    """A conversation that was given up on, and where it is one turn of an event, which."""
    which = {"message": turn.position, "message_id": turn.message_id, "characters": len(turn.text)} if turn else {}
    return DeadLetter(
        message_id=f"conversation:{conversation_id}",
        queue="extraction",
        error=error,
        body=json.dumps({"conversation_id": conversation_id, **which}).encode(),
        died_at=datetime.now(UTC),
        tenant_id=tenant_id,
        user_id=user_id,
        event_id=event_id,
    )


def dead(letter: DeadLetter) -> audit.Event:
    """One that nobody could read, for the audit."""
    origin = Origin(tenant_id=letter.tenant_id or "", user_id=letter.user_id, event_id=letter.event_id)
    return audit.Event.of("dead_letter", origin, {"queue": "extraction"})


def _dead(line: Line) -> audit.Event:
    return audit.Event.of("dead_letter", Origin.of(line.conversation), {"queue": "extraction"})


def extracted(batch: Batch, entry: Entry, facts: Sequence[Fact], duplicates: int, seconds: float) -> list[audit.Event]:
    """One row for the batch, with what it cost, and one for every memory."""
    tokens = entry.tokens
    save = _save(
        batch.origin(entry.batch_id),
        batch,
        len(facts),
        seconds,
        success=True,
        events=[part.event_id for part in entry.slices],
        model=entry.model,
        duplicates=duplicates,
        prompt_tokens=tokens.prompt,
        cached_tokens=tokens.cached,
        completion_tokens=tokens.completion,
    )
    return [save, *(_memory_added(entry, fact) for fact in facts)]


def given_up(batch: Batch, seconds: float) -> list[audit.Event]:
    """One row for the batch, and one for every conversation of it."""
    lines = {line.conversation.id: line for line in batch.lines}
    return [_save(batch.origin(), batch, 0, seconds, success=False), *(_dead(line) for line in lines.values())]


def _save(origin: Origin, batch: Batch, saved: int, seconds: float, *, success: bool, **details: object) -> audit.Event:
    return memory_save(
        origin,
        kind=Kind.FACT,
        saved=saved,
        messages=len(batch.lines),
        seconds=seconds,
        success=success,
        **details,
    )


def _memory_added(entry: Entry, fact: Fact) -> audit.Event:
    facets = {"scope": fact.scope.value, "kind": Kind.FACT.value}
    return audit.Event.of("memory_add", entry.origin(fact), facets, memory_id=fact.id)
