"""Failures: what becomes of a batch whose extraction failed.

The decision is pure (`RetryPolicy.after`); `Failures` carries it out: the subject is due again later, with all of its
batch or half of it, or the batch is dead. Only a batch's own faults burn an attempt; an LLM or a store that is away
does not.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable, told
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.extraction import records
from afterword.workers.services.extraction.batch import Line
from afterword.workers.services.extraction.claims import Claims
from afterword.workers.services.extraction.work import Work
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims, progress
from afterword.workers.stores.ledger.upkeep import dead_letters

logger = logging.getLogger(__name__)

_MOST_DOUBLINGS = 20
"""Doubled as often, a second is twelve days; a timedelta ends far beyond."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Try again after `delay`, or with half of the batch, or give it up. Only the batch's own faults burn an attempt.

    `batch_limit` is how many conversations the next batch may hold, where it is to be cut.
    """

    outcome: str
    delay: timedelta
    burns_attempt: bool = False
    batch_limit: int | None = None
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays start at `first` and double up to `longest`.

    After `attempts` failures of its own a batch is cut in half, until the conversation that spoils it stands alone;
    that one is given up.
    """

    first: timedelta
    longest: timedelta
    attempts: int

    def after(self, error: AfterwordError, attempts: int, conversations: int) -> Decision:
        """The decision after a failure of a batch of `conversations`, when `attempts` were burned before."""
        if isinstance(error, LlmUnavailable):
            asked = timedelta(seconds=min(error.retry_after or 0, self.longest.total_seconds()))
            return Decision("llm_unavailable", min(max(asked, self.first), self.longest))
        if isinstance(error, LlmRefused):
            # The breaker sets the pace: when somebody has mended the key, the subject goes on at once.
            return Decision("llm_refused", self.first)
        if isinstance(error, BadAnswer):
            return self._after_bad_answer(attempts, conversations)
        return Decision("store", self.first)

    def _after_bad_answer(self, attempts: int, conversations: int) -> Decision:
        delay = min(self.first * 2 ** min(attempts, _MOST_DOUBLINGS), self.longest)
        if attempts + 1 < self.attempts:
            return Decision("bad_answer", delay, burns_attempt=True)
        if conversations > 1:
            return Decision("bad_answer", timedelta(0), batch_limit=conversations // 2)
        return Decision("bad_answer", delay, gives_up=True)


class Failures:
    """Settles failed extractions."""

    def __init__(self, *, database: Database, claims: Claims, retry: RetryPolicy, metrics: Metrics) -> None:
        self._database = database
        self._claims = claims
        self._retry = retry
        self._metrics = metrics

    def settle(self, work: Work, error: AfterwordError) -> str:
        """Give the subject back, or its batch up; the outcome. Raises: LeaseLost, LedgerUnavailable."""
        decision = self._retry.after(error, work.claim.attempts, len(work.batch.slices))
        logger.warning("extraction failed, %s: %s", _what_next(decision), told(error))
        opened = self._bury(work, error) if decision.gives_up else self._postpone(work, decision, error)
        if opened is not None:
            logger.warning("extraction pauses everywhere for %.1f s: %s", opened.total_seconds(), told(error))
        if decision.batch_limit is not None:
            self._claims.hint()
        return "dead" if decision.gives_up else decision.outcome

    def _postpone(self, work: Work, decision: Decision, error: AfterwordError) -> timedelta | None:
        """The subject is due again; for how long the breaker opened, if it did."""
        claim = work.claim
        with self._database.transaction() as connection:
            if decision.batch_limit is not None:
                claims.narrow(connection, claim, batch_limit=decision.batch_limit, error=told(error))
            else:
                claims.postpone(
                    connection, claim, delay=decision.delay, error=told(error), burns_attempt=decision.burns_attempt
                )
            return self._claims.note_failure(connection, work.permit, error)

    def _bury(self, work: Work, error: AfterwordError) -> timedelta | None:
        """The batch is dead: its conversations are listed, and what waits behind them goes on."""
        letters = [records.letter(line, error) for line in _first_lines(work.batch.lines)]
        with self._database.transaction() as connection:
            self._claims.hold(connection, work.claim)
            progress.finish(connection, [part.conversation_id for part in work.batch.slices], "dead", told(error))
            dead_letters.write(connection, letters)
            audit.write(connection, records.given_up(work.batch, work.seconds))
            self._claims.let_go(connection, work.claim, at_once=True)
            opened = self._claims.note_failure(connection, work.permit, error)
        self._metrics.dead_letters.labels("extraction").inc(len(letters))
        self._metrics.extracted.labels("dead").inc(len(letters))
        return opened


def _first_lines(lines: Sequence[Line]) -> list[Line]:
    return list({line.conversation.id: line for line in reversed(lines)}.values())


def _what_next(decision: Decision) -> str:
    if decision.gives_up:
        return "giving the batch up"
    if decision.batch_limit is not None:
        return f"again with {decision.batch_limit} of its conversations"
    return f"again in {decision.delay.total_seconds():.0f} s"
