"""What the ledger is told of an extraction: its dead letters and its audit rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence, Set
from datetime import UTC, datetime

from afterword.schemas import Kind
from afterword.schemas.errors import AfterwordError
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.memories.bookkeeping import memory_save
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.dead_letters import DeadLetter
from afterword.workers.stores.ledger.journal import Entry, Fact


def letter(line: Line, error: AfterwordError) -> DeadLetter:
    """A conversation that was given up on, by one of its lines."""
    conversation = line.conversation
    return DeadLetter(
        message_id=f"conversation:{conversation.id}",
        queue="extraction",
        error=f"{type(error).__name__}: {error}",
        body=json.dumps({"conversation_id": conversation.id}).encode(),
        died_at=datetime.now(UTC),
        tenant_id=conversation.tenant_id,
        user_id=conversation.user_id,
        event_id=conversation.event_id,
    )


def _dead(line: Line) -> audit.Event:
    """The same for the audit."""
    conversation = line.conversation
    return audit.Event(
        type="dead_letter",
        tenant_id=conversation.tenant_id,
        user_id=conversation.user_id,
        agent_id=conversation.agent_id,
        session_id=conversation.session_id,
        event_id=conversation.event_id,
        metadata={"queue": "extraction"},
    )


def extracted(batch: Batch, entry: Entry, facts: Sequence[Fact], duplicates: int, seconds: float) -> list[audit.Event]:
    """One row for the batch, with what it cost, and one for every memory."""
    tokens = entry.tokens
    save = _saved(
        batch,
        len(facts),
        seconds,
        success=True,
        batch_id=entry.batch_id,
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
    return [_saved(batch, 0, seconds, success=False), *(_dead(line) for line in lines.values())]


def _saved(batch: Batch, saved: int, seconds: float, *, success: bool, **details: object) -> audit.Event:
    return memory_save(
        tenant_id=batch.tenant_id,
        user_id=batch.user_id,
        agent_id=_shared({line.conversation.agent_id for line in batch.lines}),
        session_id=_shared({line.conversation.session_id for line in batch.lines}),
        event_id=_shared({line.conversation.event_id for line in batch.lines}),
        kind=Kind.FACT,
        saved=saved,
        messages=len(batch.lines),
        seconds=seconds,
        success=success,
        **details,
    )


def _shared(ids: Set[str | None]) -> str | None:
    """The one that all have, if it is one."""
    return next(iter(ids)) if len(ids) == 1 else None


def _memory_added(entry: Entry, fact: Fact) -> audit.Event:
    return audit.Event(
        type="memory_add",
        tenant_id=entry.tenant_id,
        user_id=entry.user_id,
        agent_id=fact.agent_id,
        session_id=fact.session_id,
        event_id=fact.event_id,
        memory_id=fact.id,
        metadata={"scope": fact.scope.value, "kind": Kind.FACT.value, "batch_id": entry.batch_id},
    )
