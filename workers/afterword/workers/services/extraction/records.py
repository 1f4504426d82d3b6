"""What the ledger is told of an extraction: its dead letters and its audit rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from afterword.schemas import Kind
from afterword.schemas.errors import AfterwordError
from afterword.workers.services.extraction.batch import Line
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


def conversation_dead(line: Line) -> audit.Event:
    """The same for the audit."""
    conversation = line.conversation
    return audit.Event(
        type="conversation_dead",
        tenant_id=conversation.tenant_id,
        user_id=conversation.user_id,
        agent_id=conversation.agent_id,
        session_id=conversation.session_id,
        event_id=conversation.event_id,
    )


def extracted(entry: Entry, written: Sequence[Fact], duplicates: int) -> list[audit.Event]:
    """One row for the batch, with what it cost, and one for every memory."""
    tokens = entry.tokens
    extraction = audit.Event(
        type="extraction",
        tenant_id=entry.tenant_id,
        user_id=entry.user_id,
        result_count=len(written),
        metadata={
            "batch_id": entry.batch_id,
            "events": [part.event_id for part in entry.slices],
            "model": entry.model,
            "duplicates": duplicates,
            "prompt_tokens": tokens.prompt,
            "cached_tokens": tokens.cached,
            "completion_tokens": tokens.completion,
        },
    )
    return [extraction, *(_memory_added(entry, fact) for fact in written)]


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
