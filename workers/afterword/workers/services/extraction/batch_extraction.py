"""One batch on its way from claim to done, step by step.

mem0's `add` calls the three steps in the middle (`find_known`, `answer`, `write`), embedding between them; `run` calls
it, and finishes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from afterword.workers.core.errors import LeaseLost
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.extraction import agent_fence, mem0_memory, records
from afterword.workers.services.extraction.claims import Claims
from afterword.workers.services.extraction.known import Existing, KnownMemories
from afterword.workers.services.extraction.llm_caller import LlmCaller
from afterword.workers.services.extraction.work import Work
from afterword.workers.services.extraction.writing import FactWriter, Stored
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import breaker, journal, llm_calls, progress, subjects
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact
from afterword.workers.stores.ledger.ingest import transcripts
from afterword.workers.stores.ledger.upkeep import backlog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one batch may hold, and how long transcripts are kept after they are done."""

    batch_tokens: int
    keep_transcripts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The parts that the steps of an extraction use; one set serves all batches."""

    known: KnownMemories
    llm: LlmCaller
    embedder: Embedder
    writer: FactWriter
    limits: Limits


@dataclass(frozen=True, slots=True)
class Finished:
    """A committed batch: its new facts, and the age in seconds of each conversation that is done with it."""

    facts: Sequence[Fact]
    ages: Sequence[float]
    conversations: int


class BatchExtraction:
    """Extracts one batch. Made for it, and used once."""

    def __init__(self, *, work: Work, database: Database, claims: Claims, tools: Tools, watch: Stopwatch) -> None:
        self._work = work
        self._database = database
        self._claims = claims
        self._tools = tools
        self._watch = watch
        self._journalled = work.entry
        self._refused: frozenset[str] = frozenset()

    def run(self) -> Finished:
        """Ask, journal, write and finish, or what a worker before us has left of it.

        Raises: LeaseLost; LlmUnavailable, LlmRefused, BadAnswer; EmbeddingFailed, WritesMissing, LedgerUnavailable,
            VectorStoreUnavailable.
        """
        mem0_memory.add(
            [{"role": line.turn.role, "content": line.turn.text} for line in self._work.batch.lines],
            embedder=_WatchedEmbedder(self._tools.embedder, self._watch),
            hooks=mem0_memory.Hooks(self.find_known, self.answer, self.write),
        )
        return self._finish(self._entry)

    def find_known(self, vector: Vector) -> Sequence[Existing]:
        """The memories that the LLM is shown; none when it is not asked any more."""
        return () if self._journalled else self._tools.known.near(self._work.batch, vector)

    def answer(self, existing: Sequence[Existing]) -> Sequence[str]:
        """The texts to remember, each once: of the journalled answer, else of one call to the LLM, journalled here."""
        if self._journalled is None:
            self._journalled = self._ask(existing)
        return list(dict.fromkeys(fact.text for fact in self._entry.facts))

    def write(self, vectors: Mapping[str, Vector | None]) -> None:
        """Write the journalled facts, with their vectors by text; one that the embedder refuses by its words alone."""
        self._refused = frozenset(text for text, vector in vectors.items() if vector is None)
        # A worker that was paused learns here that its subject is another's.
        with self._database.transaction() as connection:
            self._claims.hold(connection, self._work.claim)
        with self._watch.step("vector_write"):
            self._tools.writer.write(self._entry, vectors)

    @property
    def _entry(self) -> Entry:
        if self._journalled is None:
            raise RuntimeError("mem0 went on without asking for an answer")
        return self._journalled

    def _ask(self, existing: Sequence[Existing]) -> Entry:
        """The LLM's answer, journalled before anything of it is written."""
        work = self._work
        self._claims.check(work.claim)
        with self._watch.step("llm"):
            answer = self._tools.llm.call(work.batch, work.claim.generation, existing)
        try:
            with self._database.transaction() as connection:
                self._claims.hold(connection, work.claim)
                entry = agent_fence.without_cleared(connection, work.batch, answer.entry)
                journal.write(connection, entry)
                llm_calls.write(connection, answer.call)
                progress.mark_extracting(connection, [part.conversation_id for part in work.batch.slices])
                breaker.note_success(connection, work.permit)
        except LeaseLost:
            self._tools.llm.record(replace(answer.call, outcome="void"))
            raise
        return entry

    def _finish(self, entry: Entry) -> Finished:
        """Check that the facts are stored, then commit: done, audit, journal clean-up and the claim's release."""
        written, duplicates = self._tools.writer.stored(entry)
        try:
            with self._database.transaction() as connection:
                self._claims.hold(connection, self._work.claim)
                withdrawn = agent_fence.withdrawn(connection, entry)
                left = replace(entry, facts=tuple(fact for fact in entry.facts if fact not in withdrawn.facts))
                kept = [each for each in written if each.fact in left.facts]
                finished = self._commit(connection, left, kept, duplicates)
        except LeaseLost:
            self._take_back_if_cleared(entry)
            raise
        if withdrawn.facts:
            self._tools.writer.take_back(withdrawn)
        return finished

    def _commit(self, connection: Connection, entry: Entry, written: Sequence[Stored], duplicates: int) -> Finished:
        work, facts = self._work, [each.fact for each in written]
        done = [
            part.conversation_id
            for part in entry.slices
            if progress.advance(connection, part.conversation_id, extracted_turns=part.last)
        ]
        ages = backlog.seconds_since_received(connection, done)
        journal.remove(connection, work.claim.tenant_id, work.claim.user_id)
        self._tools.writer.note_saved(connection, work.batch, entry, written)
        rows = records.extracted(
            work.batch, entry, facts, duplicates=duplicates, refused=self._refused, seconds=work.seconds
        )
        audit.write(connection, rows)
        self._tools.writer.count_again(connection, entry, facts)
        if self._tools.limits.keep_transcripts == timedelta(0):
            transcripts.drop_done(connection, [part.conversation_id for part in entry.slices])
        self._claims.let_go(connection, work.claim, at_once=work.more, batch_limit=work.claim.batch_limit)
        return Finished(facts, ages, len(done))

    def _take_back_if_cleared(self, entry: Entry) -> None:
        """After a clear the facts must go again; after a lost lease they are the next worker's."""
        claim = self._work.claim
        with self._database.transaction() as connection:
            generation = subjects.generation(connection, claim.tenant_id, claim.user_id)
        if generation != claim.generation:
            removed = self._tools.writer.take_back(entry)
            logger.info("took back %d facts of a subject that was cleared", removed)


@dataclass(frozen=True, slots=True)
class _WatchedEmbedder:
    """The embedder of one extraction; its time is the step `embed`."""

    inner: Embedder
    watch: Stopwatch

    @property
    def identity(self) -> EmbedderIdentity:
        return self.inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        with self.watch.step("embed"):
            return self.inner.embed(texts)
