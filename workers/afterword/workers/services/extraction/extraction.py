"""Extracting what is due: claim a subject, extract its batch, settle a failure.

Every step is a committed state. Whoever claims a subject next resumes at the step it finds: a journalled answer is
written, not asked for again; facts already written are not written again.
"""

from __future__ import annotations

import logging

from structlog.contextvars import bound_contextvars

from afterword.schemas import Kind
from afterword.workers.core.errors import LeaseLost, LedgerUnavailable
from afterword.workers.core.ids import pseudonym
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.extraction.batch_extraction import BatchExtraction, Finished, Tools
from afterword.workers.services.extraction.claims import Claims, HeldSubject
from afterword.workers.services.extraction.failures import Failures
from afterword.workers.services.extraction.work import Work, take
from afterword.workers.stores.ledger.database import Database

logger = logging.getLogger(__name__)


class Extraction:
    """Extracts due subjects, one at a time; thread-safe, and safe beside any number of other processes.

    >>> while extraction.extract_next():  # doctest: +SKIP
    ...     pass
    """

    def __init__(
        self, *, database: Database, claims: Claims, tools: Tools, failures: Failures, metrics: Metrics
    ) -> None:
        self._database = database
        self._claims = claims
        self._tools = tools
        self._failures = failures
        self._metrics = metrics

    def extract_next(self) -> bool:
        """Extract the subject that has been due longest. False when none was due, or the breaker is open.

        Failures are settled here: the subject is due again later, or its batch is dead.

        Raises: LedgerUnavailable; the subject's lease then runs out by itself.
        """
        held = self._claims.take()
        if held is None:
            return False
        self._metrics.claim_wait_seconds.observe(held.waited)
        claim, watch = held.claim, Stopwatch()
        subject = pseudonym(claim.tenant_id, claim.user_id)
        with bound_contextvars(tenant=claim.tenant_id, subject=subject, attempt=claim.attempts + 1):
            with self._claims.keeping(claim), watch.step("total"):
                outcome = self._extract(held, watch)
            logger.debug("extraction of user %s: %s, %s", subject, outcome, watch)
            self._claims.hand_back(held.permit)
        watch.show(self._metrics.extraction_seconds)
        self._metrics.extractions.labels(outcome).inc()
        return True

    def _extract(self, held: HeldSubject, watch: Stopwatch) -> str:
        try:
            try:
                work = self._work(held)
            except (LeaseLost, LedgerUnavailable):
                raise
            except Exception as error:  # noqa: BLE001  # what waits cannot be read
                return self._failures.settle_unread(held.claim, error)
            return self._attempt(work, watch) if work else "empty"
        except LeaseLost as error:
            logger.info("gave a subject up: %s", error)
            return "lost"

    def _work(self, held: HeldSubject) -> Work | None:
        """The batch to extract; None (and the claim released) when nothing waits."""
        with self._database.transaction() as connection:
            work = take(connection, held, batch_tokens=self._tools.limits.batch_tokens)
            if work is None:
                self._claims.hold(connection, held.claim)
                self._claims.let_go(connection, held.claim)
        return work

    def _attempt(self, work: Work, watch: Stopwatch) -> str:
        batch = BatchExtraction(work=work, database=self._database, claims=self._claims, tools=self._tools, watch=watch)
        try:
            finished = batch.run()
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the claim is settled: nothing goes on for ever
            return self._failures.settle(work, error)
        if work.more:
            self._claims.hint()
        self._count(finished)
        return "done"

    def _count(self, finished: Finished) -> None:
        for fact in finished.facts:
            self._metrics.memories.labels("add", fact.scope, Kind.FACT).inc()
        self._metrics.extracted.labels("done").inc(finished.conversations)
        for age in finished.ages:
            self._metrics.freshness_seconds.observe(age)
