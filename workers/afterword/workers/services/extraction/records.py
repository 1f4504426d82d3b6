"""The records of an extraction in the ledger: dead letters and audit rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from afterword.schemas import Kind
from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import told
from afterword.workers.core.origin import Origin
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.memories.bookkeeping import memory_save
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter


def letter(line: Line, error: AfterwordError) -> DeadLetter:
    """A conversation that was given up on, by one of its lines."""
    conversation = line.conversation
    return DeadLetter(
        message_id=f"conversation:{conversation.id}",
        queue="extraction",
        error=told(error),
        body=json.dumps({"conversation_id": conversation.id}).encode(),
        died_at=datetime.now(UTC),
        tenant_id=conversation.tenant_id,
        user_id=conversation.user_id,
        event_id=conversation.event_id,
    )


def _dead(line: Line) -> audit.Event:
    """The same for the audit."""
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
