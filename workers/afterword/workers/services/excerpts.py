"""Excerpts: turns kept verbatim, searchable before any LLM has seen them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from afterword.schemas import Kind, Scope
from afterword.workers import ids
from afterword.workers.metrics import Metrics
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.stores.ledger import conversations
from afterword.workers.stores.ledger.conversations import Conversation
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import Filter, Ids, Match, VectorStore
from afterword.workers.stores.vectors.views import MemoryView, UserOwner
from afterword.workers.turns import Turn

PIECE_CHARACTERS = 1200
"""A longer turn is kept in pieces: a vector of a whole page finds nothing in it."""


class Excerpts:
    """Writes the excerpts of recorded conversations."""

    def __init__(self, database: Database, store: VectorStore, embedder: Embedder, metrics: Metrics) -> None:
        self._database = database
        self._store = store
        self._embedder = embedder
        self._metrics = metrics

    def write(self, conversation: Conversation) -> None:
        """Embed all turns in one batch, write them in one request, and note it in the ledger.

        Doing it again changes nothing. When the subject was cleared meanwhile, what was written goes again.

        Raises: EmbeddingFailed, VectorStoreUnavailable, LedgerUnavailable.
        """
        memories = excerpts_of(conversation)
        view = MemoryView(self._store, (UserOwner(conversation.tenant_id, conversation.user_id),))
        if memories:
            vectors = self._embedder.embed([memory.text for memory in memories])
            view.insert(list(zip(memories, vectors, strict=True)))
        with self._database.transaction() as connection:
            kept = conversations.mark_excerpts(connection, conversation)
        if not kept:
            # Another event may have written the same turns since.
            own = Match(collection.EVENT, (conversation.event_id,))
            view.delete_all(Filter((Ids(tuple(memory.id for memory in memories)), own)))
            return
        self._metrics.memories.labels("add", Scope.USER, Kind.EXCERPT).inc(len(memories))


def excerpts_of(conversation: Conversation) -> list[StoredMemory]:
    """The excerpts of a conversation, each id once."""
    found = {memory.id: memory for turn in conversation.turns for memory in _excerpts_of_turn(conversation, turn)}
    return list(found.values())


def _excerpts_of_turn(conversation: Conversation, turn: Turn) -> Iterator[StoredMemory]:
    now = datetime.now(UTC)
    for number, piece in enumerate(pieces(turn.text)):
        yield StoredMemory(
            id=ids.excerpt_id(
                conversation.tenant_id,
                conversation.user_id,
                conversation.thread,
                message_id=turn.message_id,
                role=turn.role,
                text=turn.text,
                piece=number,
            ),
            text=piece,
            scope=Scope.USER,
            kind=Kind.EXCERPT,
            tenant_id=conversation.tenant_id,
            user_id=conversation.user_id,
            agent_id=conversation.agent_id,
            session_id=conversation.session_id,
            event_id=conversation.event_id,
            message=turn.position,
            message_id=turn.message_id,
            role=turn.role,
            occurred_at=turn.at,
            created_at=now,
            metadata=conversation.metadata,
        )


_BREAK = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[。！？])\s*")


def pieces(text: str, limit: int = PIECE_CHARACTERS) -> list[str]:
    """The text in pieces of at most `limit` characters, cut between sentences where that is possible, else between
    words. Only white space around a cut is lost.
    """
    found, start = [], 0
    while len(text) - start > limit:
        cut = _cut(text, start, start + limit)
        found.append(text[start:cut].strip())
        start = cut
    found.append(text[start:].strip())
    return [piece for piece in found if piece]


def _cut(text: str, start: int, end: int) -> int:
    """Where a piece that begins at `start` ends, at `end` at the latest."""
    sentences = [found.end() for found in _BREAK.finditer(text, start, end) if found.end() > start]
    return sentences[-1] if sentences else text.rfind(" ", start, end) + 1 or end
