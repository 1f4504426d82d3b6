"""The conversations as memories: excerpts as ingest writes them, and the authored facts as extraction would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.schemas.conversation import Message
from afterword.workers.core import ids
from afterword.workers.core.turns import turns_of
from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services.memories import excerpts
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.ledger.ingest import conversations as ledger
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from ops.recall.corpus import Conversation, Turn

TENANT = "recall"

Embedded = tuple[StoredMemory, Vector | None]


class MemoryKinds(StrEnum):
    """Which memories there are to find."""

    EXCERPTS = "excerpts"
    FACTS = "facts"
    BOTH = "both"

    def includes(self, kind: Kind) -> bool:
        """Whether memories of this kind are among them."""
        return self is MemoryKinds.BOTH or (kind is Kind.FACT) is (self is MemoryKinds.FACTS)


def owner_of(conversation_id: str) -> UserOwner:
    """Each conversation is of a person of its own."""
    return UserOwner(TENANT, conversation_id)


def written(conversation: Conversation, embedder: Embedder) -> list[Embedded]:
    """All memories of a conversation, one event a session, as the workers write them. Raises: EmbeddingFailed."""
    found: list[Embedded] = []
    for event in _events(conversation):
        found += excerpts.embedded(excerpts.excerpts_of(_recorded(event)), embedder)
    return Topics(embedder).labelled(found + _embedded(list(_facts(conversation)), embedder))


def plain(memories: Iterable[Embedded], embedder: Embedder) -> list[Embedded]:
    """The same memories, known by their texts alone: without what was said before, and without speakers' names.

    Raises: EmbeddingFailed.
    """
    return _embedded([replace(memory, terms=None, previous=(), speaker=None) for memory, _ in memories], embedder)


def turns_by_memory(memories: Iterable[StoredMemory]) -> dict[str, str]:
    """By id of a memory, the turn that it comes from."""
    return {memory.id: _turn_of(memory) for memory in memories}


def _embedded(memories: Sequence[StoredMemory], embedder: Embedder) -> list[Embedded]:
    vectors: list[Vector | None] = [*embedder.embed([memory.text for memory in memories])]
    return list(zip(memories, vectors, strict=True))


def _events(conversation: Conversation) -> Iterator[ConversationFinished]:
    for number, session in enumerate(conversation.sessions, start=1):
        name = _session_id(conversation, number)
        yield ConversationFinished(
            event_id=name,
            occurred_at=session.at,
            tenant_id=TENANT,
            user_id=conversation.id,
            agent_id=conversation.agent,
            session_id=name,
            messages=tuple(_message(conversation, turn) for turn in session.turns),
        )


def _message(conversation: Conversation, turn: Turn) -> Message:
    return Message(
        role="assistant" if turn.by_agent else "user",
        content=turn.text,
        name=conversation.agent if turn.by_agent else conversation.user,
        id=turn.id,
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
        said = conversation.sessions[session - 1]
        by = "assistant" if said.turns[turn - 1].by_agent else "user"
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
            attributed_to=by,
            importance=importance(fact.text, Kind.FACT, by),
            occurred_at=said.at,
            created_at=said.at,
        )


def _session_id(conversation: Conversation, number: int) -> str:
    return f"{conversation.id}/{number}"


def _turn_of(memory: StoredMemory) -> str:
    # Turns are known by their ids, which the message ids are; a long turn's excerpts share one.
    return memory.message_id or ""
