"""Excerpts: turns kept verbatim, searchable before any LLM has seen them.

A long turn is kept in pieces. Each piece is found by its own words and vector, and by those of the turns before it: a
short answer ("About seven years.") is also found through the question it replied to.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from afterword.schemas import Kind, Scope
from afterword.workers.core import ids
from afterword.workers.core.origin import Origin
from afterword.workers.core.turns import Turn
from afterword.workers.models.embedders.port import Embedder, Vector, embed_each
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.memories import in_context
from afterword.workers.services.memories.bookkeeping import Books, memory_save
from afterword.workers.services.memories.importance import importance
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import excerpts, transcripts
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Filter, Ids, Match
from afterword.workers.stores.vectors.views import Views
from afterword.workers.text.lexical_field import lexical_field

PIECE_CHARACTERS = 1200
"""A longer turn is kept in pieces, of about 300 tokens: the vector of a whole page finds nothing in it."""

WORK_BYTES = 2 * 2**20
"""So much of a conversation's texts and vectors is in memory at a time (`make bench memory` tells the peak)."""

_BYTES_A_NUMBER = 32  # of a list of floats

SAME_TALK = timedelta(hours=1)
"""A turn that was said longer ago than this tells nothing about the one after it."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a turn, and the texts before it, nearest first."""

    memory: StoredMemory
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReader:
    """How a text is read: the embedder gives its vector, the topics what it is about."""

    embedder: Embedder
    topics: Topics


class Excerpts:
    """Writes the excerpts of recorded conversations."""

    def __init__(self, *, database: Database, views: Views, reader: TextReader, books: Books, metrics: Metrics) -> None:
        self._database = database
        self._views = views
        self._reader = reader
        self._books = books
        self._metrics = metrics

    def write(self, conversation: Conversation, watch: Stopwatch | None = None) -> None:
        """Embed all turns, write them, and note it in the ledger: in one batch, or in several where they are long.

        Doing it again changes nothing. When the subject was cleared meanwhile, the excerpts are removed again.
        `watch` takes the steps `embed` and `vector_write`.

        Raises: EmbeddingFailed, VectorStoreUnavailable, LedgerUnavailable.
        """
        begun = time.perf_counter()
        with self._database.transaction() as connection:
            before = transcripts.turns_before(connection, conversation, limit=in_context.TURNS_BEFORE)
        made = excerpts_of(conversation, before)
        view = self._views.of(UserOwner(conversation.tenant_id, conversation.user_id))
        watch = watch or Stopwatch()
        written, refused = list[StoredMemory](), list[str]()
        for batch in in_batches(made, self._reader.embedder.identity.dimensions):
            with watch.step("embed"):
                vectors = self._reader.topics.labelled(embedded(batch, self._reader.embedder))
            with watch.step("vector_write"):
                view.insert(vectors)
            written += [memory for memory, _ in vectors]
            refused += [memory.id for memory, vector in vectors if vector is None]
        with self._database.transaction() as connection:
            kept = excerpts.mark_excerpts(connection, conversation)
            new = self._note(connection, conversation, written, refused, time.perf_counter() - begun) if kept else 0
        if not kept:
            # Another event may have written the same turns since.
            own = Match(collection.EVENT, (conversation.event_id,))
            view.delete_all(Filter((Ids(tuple(excerpt.memory.id for excerpt in made)), own)))
            return
        self._metrics.memories.labels("add", Scope.USER, Kind.EXCERPT).inc(new)

    def _note(
        self,
        connection: Connection,
        conversation: Conversation,
        written: Sequence[StoredMemory],
        refused: Sequence[str],
        seconds: float,
    ) -> int:
        """Put the written excerpts on the books; how many memories are new."""
        labels = conversation.metadata
        records = [self._books.record_of(memory, labels, source="conversation") for memory in written]
        new = self._books.note_saved(connection, records)
        if new:
            audit.write(connection, [_audited(conversation, new, refused, seconds)])
        return new


def _audited(conversation: Conversation, saved: int, refused: Sequence[str], seconds: float) -> audit.Event:
    """Those that the embedder refused are listed: they are found by their words alone."""
    listed: dict[str, Any] = {"without_vector": list(refused)} if refused else {}
    return memory_save(
        Origin.of(conversation),
        kind=Kind.EXCERPT,
        saved=saved,
        messages=len(conversation.turns),
        seconds=seconds,
        **listed,
    )


def in_batches(excerpts: Sequence[Excerpt], dimensions: int, max_bytes: int = WORK_BYTES) -> Iterator[list[Excerpt]]:
    """The excerpts in batches whose texts and vectors take at most so many bytes; one alone may take more."""
    batch: list[Excerpt] = []
    filled = 0
    for excerpt in excerpts:
        # Its own text, that with those before it as terms, and its vector.
        texts = len(excerpt.memory.text) + len(excerpt.memory.terms or "")
        size = 4 * texts + dimensions * _BYTES_A_NUMBER
        if batch and filled + size > max_bytes:
            yield batch
            batch, filled = [], 0
        batch.append(excerpt)
        filled += size
    if batch:
        yield batch


def embedded(excerpts: Sequence[Excerpt], embedder: Embedder) -> list[tuple[StoredMemory, Vector | None]]:
    """The excerpts with their vectors, those of the texts before them blended in; one call to the embedder.

    One whose text the embedder refuses has none.

    Raises: EmbeddingFailed.
    """
    texts = list(dict.fromkeys(text for excerpt in excerpts for text in (excerpt.memory.text, *excerpt.before)))
    if not texts:
        return []
    vectors = dict(zip(texts, embed_each(embedder, texts), strict=True))
    return [(excerpt.memory, _in_its_context(excerpt, vectors)) for excerpt in excerpts]


def _in_its_context(excerpt: Excerpt, vectors: Mapping[str, Vector | None]) -> Vector | None:
    own = vectors[excerpt.memory.text]
    before = [vector for text in excerpt.before if (vector := vectors[text]) is not None]
    return None if own is None else in_context.vector(own, before)


def excerpts_of(conversation: Conversation, before: Sequence[Turn] = ()) -> list[Excerpt]:
    """The excerpts of a conversation, each id once. `before` are the last turns of its session, oldest first."""
    chain = [memory for turn in before for memory in _excerpts_of_turn(conversation, turn)]
    first = len(chain)
    chain.extend(memory for turn in conversation.turns for memory in _excerpts_of_turn(conversation, turn))
    found: dict[str, Excerpt] = {}
    for place in range(first, len(chain)):
        found.setdefault(chain[place].id, _in_context(chain, place))
    return list(found.values())


def _in_context(chain: Sequence[StoredMemory], place: int) -> Excerpt:
    memory = chain[place]
    nearest_first = chain[max(0, place - in_context.TURNS_BEFORE) : place][::-1]
    before = [each for each in nearest_first if memory.occurred_at - each.occurred_at <= SAME_TALK]
    texts = tuple(each.text for each in before)
    previous = tuple(each.id for each in before)
    return Excerpt(replace(memory, previous=previous, terms=lexical_field(memory.text, memory.speaker, texts)), texts)


def _excerpts_of_turn(conversation: Conversation, turn: Turn) -> Iterator[StoredMemory]:
    now = datetime.now(UTC)
    names = ids.piece_ids(
        conversation.tenant_id,
        conversation.user_id,
        conversation.thread,
        message_id=turn.message_id,
        role=turn.role,
        text=turn.text,
    )
    for piece, name in zip(pieces(turn.text), names, strict=False):
        yield StoredMemory(
            id=name,
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
            speaker=turn.name,
            occurred_at=turn.at,
            created_at=now,
            importance=importance(piece, Kind.EXCERPT, turn.role),
            metadata=conversation.metadata,
        )


def excerpt_ids(conversation: Conversation, turn: Turn) -> list[str]:
    """The ids of a turn's excerpts, one for each of its pieces."""
    return [memory.id for memory in _excerpts_of_turn(conversation, turn)]


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
