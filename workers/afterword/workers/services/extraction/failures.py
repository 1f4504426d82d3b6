"""Failures: what becomes of a batch whose extraction failed.

`RetryPolicy.after` decides and is pure; `Failures` carries the decision out. The subject is due again later, with the
same batch or with half of its turns; a last single turn is given up. A store, a provider or a configuration that fails
burns no attempt. Every other error does, so that nothing is tried for ever.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from afterword.workers.core.errors import (
    BadAnswer,
    EmbeddingFailed,
    LeaseLost,
    LedgerUnavailable,
    LlmRefused,
    LlmUnavailable,
    StoreUnavailable,
    told,
)
from afterword.workers.core.turns import Turn
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.extraction import records
from afterword.workers.services.extraction.batch_extraction import Tools
from afterword.workers.services.extraction.claims import Claims
from afterword.workers.services.extraction.work import CONVERSATIONS_A_BATCH, Work
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims, journal, progress
from afterword.workers.stores.ledger.extraction.claims import Claim
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from afterword.workers.text.storable import storable

logger = logging.getLogger(__name__)

_MOST_DOUBLINGS = 20
"""A second that is doubled this often is twelve days; without a bound a timedelta would overflow."""
_ERROR_CHARACTERS = 500
"""The most characters kept of an error: enough for its class and the provider's code."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Try again after `delay`, or with half of the batch, or give it up. Only the batch's own faults burn an attempt.

    `batch_limit` is how many turns the next batch may hold, where it is to be cut.
    """

    outcome: str
    delay: timedelta
    burns_attempt: bool = False
    batch_limit: int | None = None
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays start at `first` and double up to `longest`.

    After `attempts` failures of its own a batch is cut in half, until the turn that spoils it stands alone; that one
    is given up.
    """

    first: timedelta
    longest: timedelta
    attempts: int

    def after(self, error: Exception, attempts: int, turns: int) -> Decision:
        """The decision after a failure of a batch of `turns`, when `attempts` were burned before."""
        if isinstance(error, LlmUnavailable):
            asked = timedelta(seconds=min(error.retry_after or 0, self.longest.total_seconds()))
            return Decision("llm_unavailable", min(max(asked, self.first), self.longest))
        if isinstance(error, LlmRefused):
            # The breaker sets the pace: when somebody has mended the key, the subject goes on at once.
            return Decision("llm_refused", self.first)
        if isinstance(error, StoreUnavailable | EmbeddingFailed):
            return Decision("store", self.first)
        outcome = "bad_answer" if isinstance(error, BadAnswer) else "unexpected"
        return self._after_own_fault(outcome, attempts, turns)

    def delay(self, attempts: int) -> timedelta:
        """How long to wait after a failure of its own, when `attempts` were burned before."""
        doublings: int = min(attempts, _MOST_DOUBLINGS)
        return min(self.first * (1 << doublings), self.longest)

    def _after_own_fault(self, outcome: str, attempts: int, turns: int) -> Decision:
        if attempts + 1 < self.attempts:
            return Decision(outcome, self.delay(attempts), burns_attempt=True)
        if turns > 1:
            return Decision(outcome, timedelta(0), batch_limit=turns // 2)
        return Decision(outcome, self.delay(attempts), gives_up=True)


class Failures:
    """Settles failed extractions."""

    def __init__(
        self, *, database: Database, claims: Claims, retry: RetryPolicy, tools: Tools, metrics: Metrics
    ) -> None:
        self._database = database
        self._claims = claims
        self._retry = retry
        self._tools = tools
        self._metrics = metrics

    def settle(self, work: Work, error: Exception) -> str:
        """Give the subject back, or its turn up; the outcome. Raises: LeaseLost, LedgerUnavailable."""
        try:
            return self._settle(work, error)
        except (LeaseLost, LedgerUnavailable):
            raise
        except Exception as second:  # noqa: BLE001  # a failure that cannot be settled must not go on for ever either
            logger.warning("a failed extraction could not be settled (%s): %s", _kept(error), _kept(second))
            return self._give_back(work.claim, second)

    def settle_unread(self, claim: Claim, error: Exception) -> str:
        """Settle a claim whose work could not even be read; the outcome.

        After its attempts its journalled answer is dropped, and the conversation that cannot be read is dead.

        Raises: LeaseLost, LedgerUnavailable.
        """
        logger.warning("the work of a subject cannot be read: %s", _kept(error))
        if isinstance(error, StoreUnavailable) or claim.attempts + 1 < self._retry.attempts:
            return self._give_back(claim, error)
        with self._database.transaction() as connection:
            self._claims.hold(connection, claim)
            dropped = journal.remove(connection, claim.tenant_id, claim.user_id)
            waiting = progress.waiting_ids(connection, claim.tenant_id, claim.user_id, limit=CONVERSATIONS_A_BATCH)
            # If all can be read, the journalled answer was at fault; without one, the first that waits is given up.
            unread = [each for each in waiting if not _is_readable(connection, each[0])] or waiting[: not dropped]
            for which in unread:
                letter = self._bury(connection, claim, which, error)
                audit.write(connection, [records.dead(letter)])
            self._claims.let_go(connection, claim, at_once=True)
        self._count_dead(len(unread))
        return "dead"

    def _settle(self, work: Work, error: Exception) -> str:
        alike = self._claims.fail_alike(work.claim, error)
        decision = self._retry.after(error, work.claim.attempts, len(work.batch.lines))
        if isinstance(error, BadAnswer) and (alike or decision.gives_up):
            # Before everybody waits, or anything dies, for such an answer: does a harmless turn get another one? Turns
            # of several users may spoil their batches alike, with nobody's good answer in between.
            fault = self._tools.llm.fault(work.batch)
            alike = isinstance(fault, BadAnswer)
            if fault is not None:
                error = fault
                decision = replace(self._retry.after(fault, work.claim.attempts, 1), gives_up=False)
        logger.warning("extraction failed, %s: %s", _what_next(decision), _kept(error))
        with self._database.transaction() as connection:
            if decision.gives_up:
                self._give_up(connection, work, error)
            else:
                self._postpone(connection, work.claim, decision, error)
            # After the subject: its row is locked first and the breaker's second, as everywhere.
            opened = self._claims.note_failure(connection, work.permit, error, alike=alike)
        if opened is not None:
            logger.warning("extraction pauses everywhere for %.1f s: %s", opened.total_seconds(), _kept(error))
        # It is due at once, and the next sweep is seconds away.
        if decision.batch_limit is not None:
            self._claims.hint()
        if decision.gives_up:
            self._count_dead()
        return "dead" if decision.gives_up else decision.outcome

    def _postpone(self, connection: Connection, claim: Claim, decision: Decision, error: Exception) -> None:
        if decision.batch_limit is None:
            claims.postpone(
                connection, claim, delay=decision.delay, error=_kept(error), burns_attempt=decision.burns_attempt
            )
            return
        self._claims.hold(connection, claim)
        self._void_answer(connection, claim)
        claims.narrow(connection, claim, batch_limit=decision.batch_limit, error=_kept(error))

    def _give_up(self, connection: Connection, work: Work, error: Exception) -> None:
        """The one turn of the batch is dead and listed; everything else of the subject goes on without it."""
        claim, [line] = work.claim, work.batch.lines
        self._claims.hold(connection, claim)
        self._void_answer(connection, claim)
        whole, dead = line.conversation, line.conversation.id
        # A conversation of one turn dies as a whole; of a longer one that turn alone.
        if any(turn.text for turn in whole.turns if turn is not line.turn):
            place = next(place for place, turn in enumerate(whole.turns) if turn is line.turn)
            dead = progress.set_aside(connection, whole.id, place, tokens=line.turn.tokens)
            progress.advance(connection, whole.id, extracted_turns=place)
        self._bury(connection, claim, (dead, whole.event_id), error, line.turn)
        audit.write(connection, records.given_up(work.batch, work.seconds))
        self._claims.let_go(connection, claim, at_once=True)

    def _bury(
        self, connection: Connection, claim: Claim, which: tuple[int, str], error: Exception, turn: Turn | None = None
    ) -> DeadLetter:
        """List a conversation, by its id and event id, as dead."""
        conversation_id, event_id = which
        letter = records.letter(
            claim.tenant_id, claim.user_id, event_id, _kept(error), conversation_id=conversation_id, turn=turn
        )
        progress.finish(connection, [conversation_id], "dead", _kept(error))
        dead_letters.write(connection, [letter])
        return letter

    def _void_answer(self, connection: Connection, claim: Claim) -> None:
        """An answer that is journalled, but cannot be written, is taken back: its turns are asked about anew."""
        entry = journal.read(connection, claim.tenant_id, claim.user_id)
        if entry is not None:
            self._tools.writer.take_back(entry)
            journal.remove(connection, claim.tenant_id, claim.user_id)

    def _give_back(self, claim: Claim, error: Exception) -> str:
        """Let the subject be due again later, whatever the error was."""
        away = isinstance(error, StoreUnavailable)
        delay = self._retry.first if away else self._retry.delay(claim.attempts)
        with self._database.transaction() as connection:
            claims.postpone(connection, claim, delay=delay, error=_kept(error), burns_attempt=not away)
        return "store" if away else "unexpected"

    def _count_dead(self, number: int = 1) -> None:
        self._metrics.dead_letters.labels("extraction").inc(number)
        self._metrics.extracted.labels("dead").inc(number)


def _is_readable(connection: Connection, conversation_id: int) -> bool:
    try:
        conversations.by_id(connection, conversation_id)
    except Exception:  # noqa: BLE001  # whatever a row may hold
        return False
    return True


def _kept(error: Exception) -> str:
    return storable(told(error))[:_ERROR_CHARACTERS]


def _what_next(decision: Decision) -> str:
    if decision.gives_up:
        return "giving the turn up"
    if decision.batch_limit is not None:
        return f"again with {decision.batch_limit} of its turns"
    return f"again in {decision.delay.total_seconds():.0f} s"
