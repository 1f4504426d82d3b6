"""The conversations as memories: excerpts as ingest makes them, and the authored facts as extraction would write them.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.schemas.conversation import Message
from afterword.workers import ids
from afterword.workers.services.excerpts import excerpts_of
from afterword.workers.stores.ledger import conversations as ledger
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.views import UserOwner
from afterword.workers.turns import turns_of
from ops.recall.corpus import Conversation, Session

TENANT = "recall"


class MemoryKinds(StrEnum):
    """Which memories there are to find."""

    EXCERPTS = "excerpts"
    FACTS = "facts"
    BOTH = "both"

    def includes(self, kind: Kind) -> bool:
        """Whether memories of this kind are among them."""
        return self is MemoryKinds.BOTH or (kind is Kind.FACT) is (self is MemoryKinds.FACTS)


def owner_of(conversation: Conversation) -> UserOwner:
    """Each conversation is of a person of its own."""
    return UserOwner(TENANT, conversation.id)


def memories_of(conversation: Conversation, kinds: MemoryKinds) -> list[StoredMemory]:
    """The memories of a conversation, as of one event a session."""
    every = (*_excerpts(conversation), *_facts(conversation))
    return [memory for memory in every if kinds.includes(memory.kind)]


def turns_by_memory(memories: Iterable[StoredMemory]) -> dict[str, str]:
    """By id of a memory, the turn that it comes from."""
    return {memory.id: _turn_of(memory) for memory in memories}


def _excerpts(conversation: Conversation) -> Iterator[StoredMemory]:
    for number, session in enumerate(conversation.sessions, start=1):
        yield from excerpts_of(_recorded(_event(conversation, number, session)))


def _event(conversation: Conversation, number: int, session: Session) -> ConversationFinished:
    name = _session_id(conversation, number)
    return ConversationFinished(
        event_id=name,
        occurred_at=session.at,
        tenant_id=TENANT,
        user_id=conversation.id,
        agent_id=conversation.agent,
        session_id=name,
        messages=tuple(
            Message(
                role="assistant" if turn.by_agent else "user",
                content=turn.text,
                name=conversation.agent if turn.by_agent else conversation.user,
                id=turn.id,
            )
            for turn in session.turns
        ),
    )


def _recorded(event: ConversationFinished) -> ledger.Conversation:
    """The event as the ledger would hold it."""
    return ledger.Conversation(
        id=0,
        tenant_id=event.tenant_id,
        event_id=event.event_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        occurred_at=event.occurred_at,
        received_at=event.occurred_at,
        generation=0,
        turns=turns_of(event),
        metadata={},
        extracted_turns=0,
    )


def _facts(conversation: Conversation) -> Iterator[StoredMemory]:
    for ordinal, fact in enumerate(conversation.facts):
        session, turn = (int(part) for part in fact.turn_id.split(":"))
        at = conversation.sessions[session - 1].at
        yield StoredMemory(
            id=ids.fact_id(TENANT, Scope.USER, conversation.id, conversation.id, ordinal),
            text=fact.text,
            scope=Scope.USER,
            kind=Kind.FACT,
            tenant_id=TENANT,
            user_id=conversation.id,
            event_id=_session_id(conversation, session),
            message=turn - 1,
            message_id=fact.turn_id,
            occurred_at=at,
            created_at=at,
        )


def _session_id(conversation: Conversation, number: int) -> str:
    return f"{conversation.id}/{number}"


def _turn_of(memory: StoredMemory) -> str:
    # Turns are known by their ids, which the message ids are; a long turn's excerpts share one.
    return memory.message_id or ""
