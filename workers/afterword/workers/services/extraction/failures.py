"""What becomes of a batch whose extraction failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from afterword.schemas.errors import AfterwordError
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.extraction import records
from afterword.workers.services.extraction.batch import Line
from afterword.workers.services.extraction.pausing import tell_breaker
from afterword.workers.services.extraction.release import Release
from afterword.workers.services.extraction.retry import Decision, RetryPolicy
from afterword.workers.services.extraction.work import Work
from afterword.workers.stores.ledger import audit, conversations, dead_letters, subjects
from afterword.workers.stores.ledger.breaker import BreakerPolicy
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.subjects import Claim

logger = logging.getLogger(__name__)


class Failures:
    """Settles them: the subject is due again later, with all of its batch or half of it, or the batch is dead."""

    def __init__(
        self,
        database: Database,
        retry: RetryPolicy,
        breaker_policy: BreakerPolicy,
        lease: timedelta,
        release: Release,
        hint: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._retry = retry
        self._breaker = breaker_policy
        self._lease = lease
        self._release = release
        self._hint = hint
        self._metrics = metrics

    def settle(self, claim: Claim, work: Work, error: AfterwordError) -> str:
        """The outcome. Raises: LeaseLost, LedgerUnavailable."""
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

    def _bury(self, claim: Claim, work: Work, error: AfterwordError) -> None:
        """The batch is dead: its conversations are listed, and what waits behind them goes on."""
        letters = [records.letter(line, error) for line in _first_lines(work.batch.lines)]
        with self._database.transaction() as connection:
            subjects.hold(connection, claim, self._lease)
            dead = [part.conversation_id for part in work.batch.slices]
            conversations.finish(connection, dead, "dead", f"{type(error).__name__}: {error}")
            dead_letters.write(connection, letters)
            audit.write(connection, records.given_up(work.batch, work.seconds))
            self._release.let_go(connection, claim, at_once=True)
            tell_breaker(connection, self._breaker, work.permit, error)
        self._metrics.dead_letters.labels("extraction").inc(len(letters))
        self._metrics.extracted.labels("dead").inc(len(letters))


def _first_lines(lines: Sequence[Line]) -> list[Line]:
    return list({line.conversation.id: line for line in reversed(lines)}.values())


def _what_next(decision: Decision) -> str:
    if decision.gives_up:
        return "giving the batch up"
    if decision.batch_limit is not None:
        return f"again with {decision.batch_limit} of its conversations"
    return f"again in {decision.delay.total_seconds():.0f} s"
