"""Extracting what is due: claim a subject, ask the LLM once, journal the answer, write it, be done.

Every step is a committed state. Whoever claims a subject next resumes at the step it finds: a journalled answer is
written, not asked for again; facts already written are not written again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from afterword.schemas import Kind
from afterword.schemas.errors import AfterwordError
from afterword.workers.errors import LeaseLost
from afterword.workers.ids import pseudonym
from afterword.workers.metrics import Metrics
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.services.bookkeeping import Books
from afterword.workers.services.debounce import Debounce
from afterword.workers.services.extraction import batch, mem0_memory, records
from afterword.workers.services.extraction.asking import Asking
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.extraction.known import KnownMemories
from afterword.workers.services.extraction.lease import LeaseKeeper
from afterword.workers.services.extraction.pausing import tell_breaker
from afterword.workers.services.extraction.prompt import Existing
from afterword.workers.services.extraction.retry import Decision, RetryPolicy
from afterword.workers.services.extraction.writing import FactWriter, Stored
from afterword.workers.services.stopwatch import Stopwatch
from afterword.workers.stores.ledger import (
    agents,
    audit,
    backlog,
    breaker,
    conversations,
    dead_letters,
    journal,
    llm_calls,
    subjects,
    transcripts,
)
from afterword.workers.stores.ledger.breaker import BreakerPolicy, Permit
from afterword.workers.stores.ledger.conversations import Waiting
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.journal import Entry
from afterword.workers.stores.ledger.memories import MemoryRecord
from afterword.workers.stores.ledger.subjects import Claim

logger = logging.getLogger(__name__)

_CONVERSATIONS_A_BATCH = 100
_EARLIER_TURNS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold, how long a claim lasts, how long transcripts are kept after they are done."""

    batch_tokens: int
    lease: timedelta
    keep_transcripts: timedelta


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch to extract, its journalled entry, if it has one, whether more waits behind it, and leave to ask.

    `begun` is when, by `time.perf_counter`.
    """

    batch: Batch
    entry: Entry | None
    more: bool
    permit: Permit
    begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has been in work."""
        return time.perf_counter() - self.begun


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
        retry: RetryPolicy,
        debounce: Debounce,
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
        self._retry = retry
        self._debounce = debounce
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

    def _attempt(self, claim: Claim, work: _Work, watch: Stopwatch) -> str:
        try:
            return self._run(claim, work, watch)
        except LeaseLost:
            raise
        except AfterwordError as error:
            return self._settle(claim, work, error)

    def _work(self, claim: Claim, permit: Permit) -> _Work | None:
        """The open batch of the subject, else a new one; None (and the claim released) when nothing waits."""
        with self._database.transaction() as connection:
            entry = journal.read(connection, claim.tenant_id, claim.user_id)
            pending = conversations.pending(connection, claim.tenant_id, claim.user_id, limit=_CONVERSATIONS_A_BATCH)
            if entry is not None:
                begun = conversations.by_ids(connection, [part.conversation_id for part in entry.slices])
                lines, slices = batch.lines_of(begun, entry.slices), entry.slices
            else:
                lines, slices = batch.take(pending[: claim.batch_limit], tokens=self._limits.batch_tokens)
            if not lines:
                subjects.hold(connection, claim, self._limits.lease)
                self._release(connection, claim)
                return None
            before = transcripts.earlier_turns(connection, lines[0].conversation, limit=_EARLIER_TURNS)
            instructions = agents.instructions(connection, claim.tenant_id, _agents_of(lines))
        # A long conversation goes on where the batch before ended.
        earlier = (*before, *lines[0].conversation.turns[: slices[0].first])[-_EARLIER_TURNS:]
        taken = Batch(claim.tenant_id, claim.user_id, lines, slices, earlier, instructions)
        waiting = sum(len(each.turns) - each.extracted_turns for each in pending) > len(lines)
        return _Work(taken, entry, more=waiting, permit=permit)

    def _run(self, claim: Claim, work: _Work, watch: Stopwatch) -> str:
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

    def _ask(self, claim: Claim, work: _Work, existing: Sequence[Existing], watch: Stopwatch) -> Entry:
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

    def _finish(self, claim: Claim, work: _Work, entry: Entry) -> str:
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
                self._release(connection, claim, at_once=work.more, batch_limit=claim.batch_limit)
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

    def _release(
        self, connection: Connection, claim: Claim, *, at_once: bool = False, batch_limit: int | None = None
    ) -> None:
        """Let a held subject go; it is due again `at_once`, or when what came meanwhile says so."""
        waiting = conversations.waiting(connection, claim.tenant_id, claim.user_id)
        due_at = waiting.last_at if at_once else self._due_at(waiting)
        subjects.release(
            connection,
            claim,
            tokens_left=waiting.tokens,
            since=waiting.first_at,
            due_at=due_at,
            batch_limit=batch_limit if at_once else None,
        )

    def _due_at(self, waiting: Waiting) -> datetime | None:
        if waiting.last_at is None:
            return None
        return self._debounce.due_at(waiting.last_at, waiting.first_at, waiting.tokens)

    def _take_back_if_cleared(self, claim: Claim, entry: Entry) -> None:
        """After a clear the facts must go again; after a lost lease they are the next worker's."""
        with self._database.transaction() as connection:
            generation = subjects.generation(connection, claim.tenant_id, claim.user_id)
        if generation != claim.generation:
            removed = self._writer.take_back(entry)
            logger.info("took back %d facts of a subject that was cleared", removed)

    def _settle(self, claim: Claim, work: _Work, error: AfterwordError) -> str:
        decision = self._retry.after(error, claim.attempts, len(work.batch.slices))
        told = f"{type(error).__name__}: {error}"
        logger.warning("extraction failed, %s: %s", _what_next(decision), told)
        if decision.gives_up:
            self._bury(claim, work, error)
            return "dead"
        with self._database.transaction() as connection:
            if decision.batch_limit is not None:
                subjects.narrow(connection, claim, batch_limit=decision.batch_limit, error=told)
            else:
                subjects.postpone(
                    connection, claim, delay=decision.delay, error=told, burns_attempt=decision.burns_attempt
                )
            tell_breaker(connection, self._breaker, work.permit, error)
        if decision.batch_limit is not None:
            self._hint()
        return decision.outcome

    def _bury(self, claim: Claim, work: _Work, error: AfterwordError) -> None:
        """The batch is dead: its conversations are listed, and what waits behind them goes on."""
        letters = [records.letter(line, error) for line in _first_lines(work.batch.lines)]
        with self._database.transaction() as connection:
            subjects.hold(connection, claim, self._limits.lease)
            dead = [part.conversation_id for part in work.batch.slices]
            conversations.finish(connection, dead, "dead", f"{type(error).__name__}: {error}")
            dead_letters.write(connection, letters)
            audit.write(connection, records.given_up(work.batch, work.seconds))
            self._release(connection, claim, at_once=True)
            tell_breaker(connection, self._breaker, work.permit, error)
        self._metrics.dead_letters.labels("extraction").inc(len(letters))
        self._metrics.extracted.labels("dead").inc(len(letters))


def _agents_of(lines: Sequence[Line]) -> set[str]:
    return {line.conversation.agent_id for line in lines if line.conversation.agent_id}


def _first_lines(lines: Sequence[Line]) -> list[Line]:
    return list({line.conversation.id: line for line in reversed(lines)}.values())


def _what_next(decision: Decision) -> str:
    if decision.gives_up:
        return "giving the batch up"
    if decision.batch_limit is not None:
        return f"again with {decision.batch_limit} of its conversations"
    return f"again in {decision.delay.total_seconds():.0f} s"
