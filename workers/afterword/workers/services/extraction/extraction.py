"""Extracting what is due: claim a subject, ask the LLM once, journal the answer, write it, be done.

Every step is a committed state. Whoever claims a subject next resumes at the step it finds: a journalled answer is
written, not asked for again; facts already written are not written again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from structlog.contextvars import bound_contextvars

from afterword.schemas import Kind
from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import LeaseLost
from afterword.workers.core.ids import pseudonym
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.extraction import mem0_memory, records
from afterword.workers.services.extraction.asking import Asking
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.services.extraction.failures import Failures
from afterword.workers.services.extraction.known import KnownMemories
from afterword.workers.services.extraction.lease import LeaseKeeper
from afterword.workers.services.extraction.prompt import Existing
from afterword.workers.services.extraction.release import Release
from afterword.workers.services.extraction.work import Limits, Work, take
from afterword.workers.services.extraction.writing import FactWriter, Stored
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger import (
    audit,
    backlog,
    breaker,
    conversations,
    journal,
    llm_calls,
    subjects,
    transcripts,
)
from afterword.workers.stores.ledger.breaker import BreakerPolicy, Permit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.journal import Entry
from afterword.workers.stores.ledger.memories import MemoryRecord
from afterword.workers.stores.ledger.subjects import Claim

logger = logging.getLogger(__name__)


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


class Extraction:
    """Extracts due subjects, one at a time; thread-safe, and safe beside any number of other processes.

    `hint` tells the other workers that a subject is due: one that has more waiting than a batch holds.
    """

    def __init__(
        self,
        database: Database,
        asking: Asking,
        embedder: Embedder,
        known: KnownMemories,
        writer: FactWriter,
        keeper: LeaseKeeper,
        failures: Failures,
        release: Release,
        breaker_policy: BreakerPolicy,
        limits: Limits,
        books: Books,
        hint: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._asking = asking
        self._embedder = embedder
        self._known = known
        self._writer = writer
        self._keeper = keeper
        self._failures = failures
        self._release = release
        self._breaker = breaker_policy
        self._limits = limits
        self._books = books
        self._hint = hint
        self._metrics = metrics

    def extract_next(self) -> bool:
        """Extract the subject that has been due longest. False when none was due, or the breaker is open.

        Failures are settled here: the subject is due again later, or its batch is dead.

        Raises: LedgerUnavailable; the subject's lease then runs out by itself.
        """
        with self._database.transaction() as connection:
            permit = breaker.permit(connection, self._breaker)
            if permit is None:
                return False
            claim = subjects.claim(connection, self._limits.lease)
            if claim is None:
                breaker.hand_back(connection, permit)
                return False
            waited = backlog.seconds_since_due(connection, claim.tenant_id, claim.user_id)
        self._metrics.claim_wait_seconds.observe(waited)
        watch = Stopwatch()
        subject = pseudonym(claim.tenant_id, claim.user_id)
        with bound_contextvars(tenant=claim.tenant_id, subject=subject, attempt=claim.attempts + 1):
            with self._keeper.holding(claim), watch.step("total"):
                outcome = self._extract(claim, permit, watch)
            logger.debug("extraction of user %s: %s, %s", subject, outcome, watch)
            if permit.is_probe:
                self._hand_back(permit)
        watch.show(self._metrics.extraction_seconds)
        self._metrics.extractions.labels(outcome).inc()
        return True

    def _hand_back(self, permit: Permit) -> None:
        """A probe that ended before it asked the LLM (nothing to do, a store away, a lost claim) has told nothing."""
        with self._database.transaction() as connection:
            breaker.hand_back(connection, permit)

    def _extract(self, claim: Claim, permit: Permit, watch: Stopwatch) -> str:
        try:
            work = self._work(claim, permit)
            return self._attempt(claim, work, watch) if work else "empty"
        except LeaseLost as error:
            logger.info("gave a subject up: %s", error)
            return "lost"

    def _attempt(self, claim: Claim, work: Work, watch: Stopwatch) -> str:
        try:
            return self._run(claim, work, watch)
        except LeaseLost:
            raise
        except AfterwordError as error:
            return self._failures.settle(claim, work, error)

    def _work(self, claim: Claim, permit: Permit) -> Work | None:
        """What is to be done; None (and the claim released) when nothing waits."""
        with self._database.transaction() as connection:
            work = take(connection, claim, permit, self._limits)
            if work is None:
                subjects.hold(connection, claim, self._limits.lease)
                self._release.let_go(connection, claim)
        return work

    def _run(self, claim: Claim, work: Work, watch: Stopwatch) -> str:
        """Ask, journal, write and finish, or what is left of it."""
        journalled: list[Entry] = [work.entry] if work.entry else []

        def known(vector: Vector) -> Sequence[Existing]:
            return () if journalled else self._known.near(work.batch, vector)

        def answered(existing: Sequence[Existing]) -> Sequence[str]:
            if not journalled:
                journalled.append(self._ask(claim, work, existing, watch))
            return list(dict.fromkeys(fact.text for fact in journalled[0].facts))

        def write(vectors: Mapping[str, Vector]) -> None:
            self._check_held(claim)
            with watch.step("vector_write"):
                self._writer.write(journalled[0], vectors)

        mem0_memory.add(
            [{"role": line.turn.role, "content": line.turn.text} for line in work.batch.lines],
            embedder=_WatchedEmbedder(self._embedder, watch),
            hooks=mem0_memory.Hooks(known, answered, write),
        )
        return self._finish(claim, work, journalled[0])

    def _ask(self, claim: Claim, work: Work, existing: Sequence[Existing], watch: Stopwatch) -> Entry:
        """The LLM's answer, journalled before anything of it is written."""
        self._keeper.check(claim)
        with watch.step("llm"):
            answered = self._asking.ask(work.batch, claim.generation, existing)
        try:
            with self._database.transaction() as connection:
                subjects.hold(connection, claim, self._limits.lease)
                journal.write(connection, answered.entry)
                llm_calls.write(connection, answered.call)
                conversations.mark_extracting(connection, [part.conversation_id for part in work.batch.slices])
                breaker.succeeded(connection, work.permit)
        except LeaseLost:
            self._asking.record(replace(answered.call, outcome="void"))
            raise
        return answered.entry

    def _finish(self, claim: Claim, work: Work, entry: Entry) -> str:
        """Check what is stored, then commit: done, audit, journal clean-up and the claim's release."""
        written, duplicates = self._writer.stored(entry)
        facts = [each.fact for each in written]
        try:
            with self._database.transaction() as connection:
                subjects.hold(connection, claim, self._limits.lease)
                done = [
                    part.conversation_id
                    for part in entry.slices
                    if conversations.advance(connection, part.conversation_id, extracted_turns=part.last)
                ]
                ages = backlog.seconds_since_received(connection, done)
                journal.remove(connection, claim.tenant_id, claim.user_id)
                self._books.saved(connection, self._records(work.batch, written))
                audit.write(connection, records.extracted(work.batch, entry, facts, duplicates, work.seconds))
                self._writer.count_again(connection, entry, facts)
                if self._limits.keep_transcripts == timedelta(0):
                    transcripts.drop(connection, [part.conversation_id for part in entry.slices])
                self._release.let_go(connection, claim, at_once=work.more, batch_limit=claim.batch_limit)
        except LeaseLost:
            self._take_back_if_cleared(claim, entry)
            raise
        if work.more:
            self._hint()
        for fact in facts:
            self._metrics.memories.labels("add", fact.scope, Kind.FACT).inc()
        self._metrics.extracted.labels("done").inc(len(done))
        for age in ages:
            self._metrics.freshness_seconds.observe(age)
        return "done"

    def _records(self, taken: Batch, written: Sequence[Stored]) -> list[MemoryRecord]:
        """The metadata of facts, with the labels of the conversations that they are from."""
        labels = {line.conversation.event_id: line.conversation.metadata for line in taken.lines}
        return [
            self._books.record(
                each.memory, labels.get(each.fact.event_id, {}), source="conversation", agent_id=each.fact.agent_id
            )
            for each in written
        ]

    def _check_held(self, claim: Claim) -> None:
        """A worker that was paused learns here, before it writes, that its subject is another's."""
        with self._database.transaction() as connection:
            subjects.hold(connection, claim, self._limits.lease)

    def _take_back_if_cleared(self, claim: Claim, entry: Entry) -> None:
        """After a clear the facts must go again; after a lost lease they are the next worker's."""
        with self._database.transaction() as connection:
            generation = subjects.generation(connection, claim.tenant_id, claim.user_id)
        if generation != claim.generation:
            removed = self._writer.take_back(entry)
            logger.info("took back %d facts of a subject that was cleared", removed)
