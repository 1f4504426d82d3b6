"""Recording an event: the conversation, its subject, its session and its audit row, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum

from sqlalchemy import Connection

from afterword.schemas import ConversationFinished
from afterword.schemas.limits import LimitedKind
from afterword.workers.core.origin import Origin
from afterword.workers.core.speaking import told_locally
from afterword.workers.core.turns import Turn, turns_of
from afterword.workers.services.ingest.overlap import align
from afterword.workers.services.ingest.rules import IngestRules
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.services.policy.limits import Requester
from afterword.workers.services.policy.wishes import OBJECTED
from afterword.workers.stores.ledger import audit, wishes
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import progress, subjects
from afterword.workers.stores.ledger.extraction.subjects import Subject
from afterword.workers.stores.ledger.ingest import conversations, deferred, excerpts, sessions
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from afterword.workers.stores.ledger.ingest.sessions import Session

LONGEST_WAIT = 60
"""Seconds after which a deferred event is tried at the latest: its limit may have been lifted."""

# Two sendings of one event may differ in these fields.
_NOT_SAID = {"event_id", "occurred_at", "time_zone", "version", "publishes", "skipped"}


class Outcome(StrEnum):
    """The result of taking an event in."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SKIPPED = "skipped"
    DEFERRED = "deferred"
    """It is over a limit: it is kept, and taken in when there is room."""
    ERASED = "erased"
    """It is from before its user was erased: nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome, the conversation whose excerpts are still to be written, and whether its subject is due now."""

    outcome: Outcome
    wanting: Conversation | None = None
    due: bool = False


class _NotRecorded(Exception):
    """Raised so that the transaction leaves nothing: the event is from before its user was erased, or waits no more."""


class Recorder:
    """Records events in the ledger, each once."""

    def __init__(self, *, database: Database, books: Books, rules: IngestRules) -> None:
        self._database = database
        self._books = books
        self._rules = rules

    def record(self, event: ConversationFinished, waited: int | None = None) -> Recorded:
        """Record an event, however often it comes. `waited` is its id among the deferred events, where it is one.

        Raises: LedgerUnavailable, and BeingErased of a user who is being erased; nothing is recorded then.
        """
        try:
            return self._record(event, waited)
        except _NotRecorded:
            return Recorded(Outcome.ERASED)

    def _record(self, event: ConversationFinished, waited: int | None) -> Recorded:
        # Before the transaction: the registry may need a connection of its own.
        switched_off, keeps_excerpts = self._rules.switched_off(event), self._rules.keeps_excerpts(event)
        with self._database.transaction() as connection:
            # The subject's lock parts two events of one session: the second sees the turns of the first.
            subject = subjects.lock(connection, event.tenant_id, event.user_id)
            if subject.erased_at is not None and event.occurred_at <= subject.erased_at:
                raise _NotRecorded
            if self._has_to_wait(connection, event, waited):
                return Recorded(Outcome.DEFERRED)
            if switched_off is None and wishes.objects(connection, event.tenant_id, event.user_id):
                switched_off = OBJECTED
            fingerprint = body_hash(event)
            event = told_locally(event, (subject.time_zone, self._rules.agents_time_zone(event)))
            turns, seen = _new_turns(connection, event)
            if subject.erased_at is not None:
                # A thread that goes on may bring along what was said before.
                turns = tuple(turn for turn in turns if turn.at > subject.erased_at)
            skipped = switched_off or _nothing_new(turns, seen)
            if skipped is None:
                # Once their thread has been looked through: it knows turns by what was said.
                event, turns = self._redacted(event, turns)
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
                return _recorded_before(connection, event, fingerprint)
            audit.write(connection, [_received(event, skipped)])
            # With memory off, neither statistics nor a time zone of the user are kept.
            if not switched_off:
                self._books.note_received(connection, event)
                _note_time_zone(connection, event, subject)
            if skipped:
                return Recorded(Outcome.SKIPPED)
            if event.session_id is not None:
                sessions.remember(connection, _session(event, event.session_id), seen)
            due = self._note_pending(connection, subject, conversation)
            if not keeps_excerpts:
                # As done, so that no sweep writes them after all.
                excerpts.mark_excerpts(connection, conversation)
                return Recorded(Outcome.STORED, due=due)
            return Recorded(Outcome.STORED, conversation, due)

    def _has_to_wait(self, connection: Connection, event: ConversationFinished, waited: int | None) -> bool:
        """Whether a limit has no room for an event, which is kept then; else it waits no more. Asked under the
        subject's lock: of two events of a user the second one sees that the first waits.
        """
        requester = Requester(event.tenant_id, event.user_id, event.agent_id)
        if waited is None:
            why = self._reason_to_wait(connection, requester)
            if why is not None and deferred.put(connection, event, body_hash=body_hash(event), why=why):
                told = {"limit": why.words, "owner": why.owner}
                audit.write(connection, [audit.Event.of("conversation_deferred", Origin.of(event), told)])
            return why is not None
        over = self._rules.limits.over(LimitedKind.PUBLISHES, requester)
        if over is not None:
            deferred.put_off(connection, waited, min(over.retry_after, LONGEST_WAIT))
            return True
        if not deferred.remove(connection, waited):
            raise _NotRecorded
        deferred.advance(connection, event.tenant_id, event.user_id)
        return False

    def _reason_to_wait(self, connection: Connection, requester: Requester) -> deferred.WaitReason | None:
        limits = self._rules.limits
        if not limits.concern(LimitedKind.PUBLISHES, requester):
            return None
        # Before it is counted: who waits behind others must not take the room that those wait for.
        behind = deferred.before(connection, requester.tenant_id, requester.user_id or "")
        if behind is not None:
            return behind
        over = limits.over(LimitedKind.PUBLISHES, requester)
        if over is None:
            return None
        return deferred.WaitReason(over.bound.owner, str(over.bound), min(over.retry_after, LONGEST_WAIT))

    def _redacted(
        self, event: ConversationFinished, turns: Sequence[Turn]
    ) -> tuple[ConversationFinished, tuple[Turn, ...]]:
        redaction = self._rules.redaction
        event = event.model_copy(update={"metadata": redaction.metadata(event.metadata)})
        return event, tuple(replace(turn, text=redaction.text(turn.text)) for turn in turns)

    def _note_pending(self, connection: Connection, subject: Subject, conversation: Conversation) -> bool:
        """Let the conversation wait for extraction; whether its subject is due now."""
        if self._rules.verbatim:
            progress.skip_verbatim(connection, conversation.id)
            return False
        tokens = sum(turn.tokens for turn in conversation.turns)
        # A failed extraction is tried again in its own time, however much comes meanwhile.
        due_at = subject.retry_at or self._rules.debounce.due_at(
            subject.now, subject.first_at, subject.pending_tokens + tokens
        )
        subjects.note_pending(connection, subject, due_at=due_at, tokens=tokens)
        return due_at <= subject.now


def remember_turns(connection: Connection, event: ConversationFinished) -> None:
    """Note the turns of an event that is not taken in as seen in its thread, so that no later window brings them."""
    if event.session_id is not None:
        sessions.remember(connection, _session(event, event.session_id), _new_turns(connection, event)[1])


def body_hash(event: ConversationFinished) -> bytes:
    """A digest that two events of one id share when they say the same, whenever and by whose clock each was sent."""
    # Neither the order of metadata nor a field that a later contract adds makes another event.
    body = _in_utc(event).model_dump(mode="json", exclude=_NOT_SAID, exclude_none=True)
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()


def _in_utc(event: ConversationFinished) -> ConversationFinished:
    """The event with the times of its messages in UTC: the same instant by another clock makes no other event."""
    messages = tuple(
        each.model_copy(update={"created_at": each.created_at.astimezone(UTC)}) if each.created_at else each
        for each in event.messages
    )
    return event.model_copy(update={"messages": messages})


def _note_time_zone(connection: Connection, event: ConversationFinished, subject: Subject) -> None:
    if event.time_zone not in (None, subject.time_zone):
        subjects.note_time_zone(connection, event.tenant_id, event.user_id, event.time_zone)


def _recorded_before(connection: Connection, event: ConversationFinished, fingerprint: bytes) -> Recorded:
    known = conversations.known(connection, event)
    # The first event of an id wins. The other one is recorded, so that somebody can find the fault.
    if known.body_hash != fingerprint:
        audit.write(connection, [audit.Event.of("conversation_conflict", Origin.of(event))])
        return Recorded(Outcome.CONFLICT)
    # A redelivery after a crash between the commit and the excerpts.
    wanting = None if known.has_excerpts else conversations.by_id(connection, known.id)
    return Recorded(Outcome.DUPLICATE, wanting if wanting and wanting.turns else None)


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


def _received(event: ConversationFinished, skipped: str | None) -> audit.Event:
    if skipped:
        return audit.Event.of("conversation_skipped", Origin.of(event), {"reason": skipped})
    told = {"messages": len(event.messages), "part": event.part, "parts": event.parts}
    return audit.Event.of("conversation_received", Origin.of(event), told)
