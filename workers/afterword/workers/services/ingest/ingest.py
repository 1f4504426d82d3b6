"""Taking a conversation in: recorded in one transaction, its excerpts searchable at once, its facts due later."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC
from enum import StrEnum

from sqlalchemy import Connection

from afterword.schemas import ConversationFinished
from afterword.workers.core.errors import EmbeddingFailed, VectorStoreUnavailable
from afterword.workers.core.ids import pseudonym
from afterword.workers.core.speaking import told_locally
from afterword.workers.core.turns import Turn, turns_of
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.ingest.debounce import Debounce
from afterword.workers.services.ingest.overlap import align
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.stores.ledger import audit, conversations, sessions, subjects
from afterword.workers.stores.ledger.conversations import Conversation
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.sessions import Session

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SKIPPED = "skipped"


class Ingest:
    """Records conversations. `hint` tells the extraction workers that a subject is due at once."""

    def __init__(
        self,
        database: Database,
        excerpts: Excerpts,
        books: Books,
        registry: AgentRegistry,
        debounce: Debounce,
        hint: Callable[[], None],
        metrics: Metrics,
        *,
        memory_enabled: bool,
        verbatim: bool,
    ) -> None:
        self._database = database
        self._excerpts = excerpts
        self._books = books
        self._registry = registry
        self._debounce = debounce
        self._hint = hint
        self._metrics = metrics
        self._memory_enabled = memory_enabled
        self._verbatim = verbatim

    def ingest(self, event: ConversationFinished) -> Outcome:
        """Record an event once, however often it comes; then write its excerpts.

        Excerpts that cannot be written now are left to the sweep: the event counts as taken in.

        Raises: LedgerUnavailable; nothing is recorded then.
        """
        watch = Stopwatch()
        with watch.step("total"):
            with watch.step("record"):
                outcome, conversation, due = self._record(event)
            if conversation is not None:
                self._write_excerpts(conversation, watch)
            if due:
                self._hint()
        watch.show(self._metrics.ingest_seconds)
        logger.debug(
            "event %s of user %s: %s, %s", event.event_id, pseudonym(event.tenant_id, event.user_id), outcome, watch
        )
        self._metrics.ingested.labels(outcome).inc()
        if outcome in (Outcome.STORED, Outcome.SKIPPED):
            self._count_publishes(event)
        return outcome

    def _count_publishes(self, event: ConversationFinished) -> None:
        """What its client tells with an event that is recorded for the first time."""
        for told, number in event.publishes or ():
            self._metrics.publishes.labels(told).inc(number)

    def _record(self, event: ConversationFinished) -> tuple[Outcome, Conversation | None, bool]:
        """The outcome, the conversation whose excerpts are wanting, and whether its subject is due now."""
        switched_off = self._switched_off(event)
        with self._database.transaction() as connection:
            subject = subjects.lock(connection, event.tenant_id, event.user_id)
            fingerprint = body_hash(event)
            event = told_locally(event, (subject.time_zone, self._agents_time_zone(event)))
            turns, seen = _new_turns(connection, event)
            skipped = switched_off or _nothing_new(turns, seen)
            conversation = conversations.record(
                connection,
                event,
                turns=turns,
                body_hash=fingerprint,
                generation=subject.generation,
                now=subject.now,
                skipped=skipped,
            )
            if conversation is None:
                return self._recorded_before(connection, event, fingerprint)
            audit.write(connection, [_received(event, skipped)])
            if not switched_off:
                self._books.received(connection, event)
                if event.time_zone not in (None, subject.time_zone):
                    subjects.note_time_zone(connection, event.tenant_id, event.user_id, event.time_zone)
            if skipped:
                return Outcome.SKIPPED, None, False
            if event.session_id is not None:
                sessions.remember(connection, _session(event, event.session_id), seen)
            if self._verbatim:
                conversations.finish(connection, [conversation.id], "skipped", "verbatim: no LLM is configured")
                return Outcome.STORED, conversation, False
            tokens = sum(turn.tokens for turn in turns)
            # What failed is tried again in its own time, however much comes meanwhile.
            due_at = subject.retry_at or self._debounce.due_at(
                subject.now, subject.first_at, subject.pending_tokens + tokens
            )
            subjects.note_pending(connection, subject, due_at=due_at, tokens=tokens)
            return Outcome.STORED, conversation, due_at <= subject.now

    def _switched_off(self, event: ConversationFinished) -> str | None:
        """Why nothing is to be remembered of this event, if that is so."""
        if not self._memory_enabled:
            return "memory is switched off"
        if event.agent_id and not self._registry.agent(event.tenant_id, event.agent_id).memory_enabled:
            return "memory is off for this agent"
        return None

    def _agents_time_zone(self, event: ConversationFinished) -> str | None:
        return self._registry.known(event.tenant_id, event.agent_id)[0].time_zone if event.agent_id else None

    def _recorded_before(
        self, connection: Connection, event: ConversationFinished, fingerprint: bytes
    ) -> tuple[Outcome, Conversation | None, bool]:
        known = conversations.known(connection, event)
        if known.body_hash != fingerprint:
            audit.write(connection, [_about(event, "conversation_conflict")])
            return Outcome.CONFLICT, None, False
        # A redelivery after a crash between the commit and the excerpts.
        wanting = None if known.has_excerpts else conversations.by_id(connection, known.id)
        return Outcome.DUPLICATE, wanting if wanting and wanting.turns else None, False

    def _write_excerpts(self, conversation: Conversation, watch: Stopwatch) -> None:
        try:
            self._excerpts.write(conversation, watch)
        except (EmbeddingFailed, VectorStoreUnavailable) as error:
            logger.warning("excerpts of event %s wait for the sweep: %s", conversation.event_id, error)


def _nothing_new(turns: Sequence[Turn], seen: Sequence[str]) -> str | None:
    if turns:
        return None
    return "every turn was seen before" if seen else "no words of user or assistant"


def _new_turns(connection: Connection, event: ConversationFinished) -> tuple[tuple[Turn, ...], Sequence[str]]:
    """The turns of an event that its session has not seen, and the keys of all that it has seen with them."""
    turns = turns_of(event)
    if event.session_id is None:
        return turns, ()
    alignment = align(sessions.seen(connection, _session(event, event.session_id)), turns)
    return tuple(turns[place] for place in alignment.fresh), alignment.seen


def _session(event: ConversationFinished, session_id: str) -> Session:
    return Session(event.tenant_id, event.user_id, event.agent_id or "", session_id)


def body_hash(event: ConversationFinished) -> bytes:
    """What makes two events of one id the same: all but when and under which id they were sent, and by which clock."""
    # Neither the order of metadata nor a field that a later contract adds makes another event.
    body = _in_utc(event).model_dump(mode="json", exclude=_NOT_SAID, exclude_none=True)
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()


_NOT_SAID = {"event_id", "occurred_at", "time_zone", "version", "publishes", "skipped"}


def _in_utc(event: ConversationFinished) -> ConversationFinished:
    """The event with the times of its messages in UTC: the same instant by another clock makes no other event."""
    messages = tuple(
        each.model_copy(update={"created_at": each.created_at.astimezone(UTC)}) if each.created_at else each
        for each in event.messages
    )
    return event.model_copy(update={"messages": messages})


def _received(event: ConversationFinished, skipped: str | None) -> audit.Event:
    if skipped:
        return _about(event, "conversation_skipped", reason=skipped)
    return _about(event, "conversation_received", messages=len(event.messages), part=event.part, parts=event.parts)


def _about(event: ConversationFinished, type: audit.Type, **metadata: object) -> audit.Event:
    return audit.Event(
        type=type,
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        event_id=event.event_id,
        metadata=metadata,
    )
