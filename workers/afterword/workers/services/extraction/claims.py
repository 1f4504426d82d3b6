"""Claims: a subject is taken, with leave to ask the LLM; kept while it is worked on; and let go.

>>> held = claims.take()  # doctest: +SKIP
>>> with claims.keeping(held.claim):  # doctest: +SKIP
...     ...  # ask and write; check() and hold() say when the claim is lost
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable, told
from afterword.workers.services.extraction.lease import LeaseKeeper
from afterword.workers.services.ingest.rules import Debounce
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import breaker, claims, llm_calls, progress
from afterword.workers.stores.ledger.extraction.breaker import BreakerPolicy, Permit
from afterword.workers.stores.ledger.extraction.claims import Claim
from afterword.workers.stores.ledger.extraction.progress import Waiting
from afterword.workers.stores.ledger.upkeep import backlog


@dataclass(frozen=True, slots=True)
class HeldSubject:
    """A subject in hand: the claim on it, the permit to ask the LLM, and for how many seconds it had been due."""

    claim: Claim
    permit: Permit
    waited: float


class Claims:
    """Takes due subjects and lets them go. Thread-safe.

    `hint` tells other workers that a subject is due. `debounce` says when a subject is due again if more waits for it.
    """

    def __init__(
        self,
        *,
        database: Database,
        keeper: LeaseKeeper,
        breaker_policy: BreakerPolicy,
        debounce: Debounce,
        hint: Callable[[], None],
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._breaker = breaker_policy
        self._debounce = debounce
        self.hint = hint

    def take(self) -> HeldSubject | None:
        """Claim the subject that has been due longest; None when none is due, or the breaker is open.

        Raises: LedgerUnavailable.
        """
        with self._database.transaction() as connection:
            # Leave comes first: a subject claimed while the breaker is open would be held for nothing.
            permit = breaker.take_permit(connection, self._breaker)
            if permit is None:
                return None
            claim = claims.claim(connection, self._keeper.lease)
            if claim is None:
                breaker.hand_back(connection, permit)
                return None
            return HeldSubject(claim, permit, backlog.seconds_since_due(connection, claim.tenant_id, claim.user_id))

    def keeping(self, claim: Claim) -> AbstractContextManager[None]:
        """Renew the lease for as long as the block runs."""
        return self._keeper.holding(claim)

    def check(self, claim: Claim) -> None:
        """Whether the claim can still be ours, without asking PostgreSQL. Raises: LeaseLost."""
        self._keeper.check(claim)

    def hold(self, connection: Connection, claim: Claim) -> None:
        """Renew the lease and lock the subject until the end of the transaction, so that its commit counts.

        Raises: LeaseLost, when the subject was claimed by another or cleared meanwhile.
        """
        claims.hold(connection, claim, self._keeper.lease)

    def let_go(
        self, connection: Connection, claim: Claim, *, at_once: bool = False, batch_limit: int | None = None
    ) -> None:
        """Let a held subject go; it is due again `at_once`, or when the events that came meanwhile make it due."""
        waiting = progress.waiting(connection, claim.tenant_id, claim.user_id)
        due_at = waiting.last_at if at_once else self._due_at(waiting)
        claims.release(
            connection,
            claim,
            tokens_left=waiting.tokens,
            since=waiting.first_at,
            due_at=due_at,
            batch_limit=batch_limit if at_once else None,
        )

    def fail_alike(self, claim: Claim, error: Exception) -> bool:
        """Whether several subjects get no usable answer, all for one reason, with nobody's good answer in between: then
        it may be that no batch is at fault.

        Raises: LedgerUnavailable.
        """
        if not isinstance(error, BadAnswer):
            return False
        with self._database.transaction() as connection:
            # Two at least, whatever the breaker needs: a single answer has none to be alike.
            return llm_calls.fail_alike(
                connection, claim.tenant_id, claim.user_id, error=told(error), last=max(self._breaker.failures, 2)
            )

    def note_failure(
        self, connection: Connection, permit: Permit, error: Exception, *, alike: bool = False
    ) -> timedelta | None:
        """Tell the breaker of a failed extraction; for how long it opened, if it did.

        Faults of the provider and of the configuration count against it, and so do bad answers that all subjects get
        alike. Any other bad answer shows that the LLM is there; a store's failure says nothing about it. Call this only
        after the subject's row was locked. All code locks in that order, so that no two wait for each other.
        """
        if isinstance(error, BadAnswer) and not alike:
            breaker.note_success(connection, permit)
        if not alike and not isinstance(error, LlmRefused | LlmUnavailable):
            return None
        asked = self._asked(error)
        return breaker.note_failure(
            connection,
            self._breaker,
            permit,
            reason=told(error),
            asked=asked,
            # A provider that says when to come back has said that it is not to be asked before.
            at_once=alike or isinstance(error, LlmRefused) or asked > timedelta(0),
        )

    def hand_back(self, permit: Permit) -> None:
        """Let another probe the LLM, when this one ended before it asked (nothing to do, a store away, a lost claim).

        A probe that told its outcome, and a permit that is no probe, are left as they are. Raises: LedgerUnavailable.
        """
        if permit.is_probe:
            with self._database.transaction() as connection:
                breaker.hand_back(connection, permit)

    def _asked(self, error: Exception) -> timedelta:
        asked = error.retry_after if isinstance(error, LlmUnavailable) else None
        return timedelta(seconds=min(asked or 0.0, self._breaker.longest.total_seconds()))

    def _due_at(self, waiting: Waiting) -> datetime | None:
        if waiting.last_at is None:
            return None
        return self._debounce.due_at(waiting.last_at, waiting.first_at, waiting.tokens)
