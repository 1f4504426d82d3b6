"""Claims under interleaving, over a real PostgreSQL: one holder at most, and nobody who waits is forgotten."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from afterword.workers.core.errors import LeaseLost
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims, subjects
from afterword.workers.stores.ledger.extraction.claims import Claim

LEASE = timedelta(hours=1)
TENANT = "default"
USERS = st.sampled_from(["ann", "bob", "eve"])


class Claims(RuleBasedStateMachine):
    """Several workers claim, hold, let go, fail and are paused, while events come and people clear.

    What must be true is kept beside: which subjects wait, whose they are, and whose lease has ended. Until another
    claims it, a subject is still its last worker's.
    """

    database: Database
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[str] = set()
        self.postponed: set[str] = set()
        self.owner: dict[str, Claim] = {}
        self.ended: set[str] = set()
        self.fences: dict[str, int] = {}
        with self.database.transaction() as connection:
            connection.exec_driver_sql("TRUNCATE subjects")

    @rule(user=USERS)
    def event_comes(self, user: str) -> None:
        with self.database.transaction() as connection:
            subject = subjects.lock(connection, TENANT, user)
            subjects.note_pending(connection, subject, due_at=subject.retry_at or subject.now, tokens=1)
        self.waiting.add(user)

    @rule(target=claims)
    def claim(self) -> object:
        with self.database.transaction() as connection:
            found = claims.claim(connection, LEASE)
        free = {user for user in self.waiting - self.postponed if user not in self.owner or user in self.ended}
        if found is None:
            assert not free, f"{free} wait and are free, and nobody gets them"
            return multiple()
        assert found.user_id in free
        assert found.fence > self.fences.get(found.user_id, 0)
        self.fences[found.user_id] = found.fence
        self.owner[found.user_id] = found
        self.ended.discard(found.user_id)
        return found

    @rule(claim=claims)
    def hold(self, claim: Claim) -> None:
        try:
            with self.database.transaction() as connection:
                claims.hold(connection, claim, LEASE)
        except LeaseLost:
            assert not self._owns(claim)
        else:
            assert self._owns(claim)
            self.ended.discard(claim.user_id)

    @rule(kept=st.lists(claims, max_size=4))
    def renew(self, kept: list[Claim]) -> None:
        with self.database.transaction() as connection:
            renewed = claims.renew(connection, kept, LEASE)
        assert renewed == {claim for claim in kept if self._owns(claim)}
        self.ended -= {claim.user_id for claim in renewed}

    @rule(claim=claims, more=st.booleans())
    def finish(self, claim: Claim, more: bool) -> None:
        """As a commit does it: held and released in one transaction."""
        try:
            with self.database.transaction() as connection:
                claims.hold(connection, claim, LEASE)
                now = subjects.lock(connection, TENANT, claim.user_id).now if more else None
                claims.release(connection, claim, tokens_left=int(more), since=now, due_at=now)
        except LeaseLost:
            return
        self._let_go(claim)
        if not more:
            self.waiting.discard(claim.user_id)

    @rule(claim=claims, burns=st.booleans(), later=st.booleans())
    def postpone(self, claim: Claim, burns: bool, later: bool) -> None:
        """Also by who has lost it, or has let it go: that must change nothing."""
        delay = LEASE if later else timedelta(0)
        with self.database.transaction() as connection:
            claims.postpone(connection, claim, delay=delay, error="x", burns_attempt=burns)
        if self._owns(claim):
            self._let_go(claim)
            if later:
                self.postponed.add(claim.user_id)

    @rule(claim=claims, limit=st.integers(1, 9))
    def narrow(self, claim: Claim, limit: int) -> None:
        with self.database.transaction() as connection:
            claims.narrow(connection, claim, batch_limit=limit, error="x")
        if self._owns(claim):
            self._let_go(claim)

    @rule(user=USERS)
    def lease_ends(self, user: str) -> None:
        """Its worker was killed, or sleeps and may wake."""
        self._set(user, "lease_until = clock_timestamp() - interval '1 second' WHERE lease_until IS NOT NULL")
        if user in self.owner:
            self.ended.add(user)

    @rule(user=USERS)
    def delay_ends(self, user: str) -> None:
        self._set(user, "due_at = clock_timestamp() WHERE due_at IS NOT NULL")
        self.postponed.discard(user)

    @rule(user=USERS)
    def clear(self, user: str) -> None:
        with self.database.transaction() as connection:
            subjects.lock(connection, TENANT, user)
            subjects.raise_generation(connection, TENANT, user)
        self.waiting.discard(user)
        self.postponed.discard(user)
        if user in self.owner:
            self._let_go(self.owner[user])

    @invariant()
    def who_waits_is_due_some_time_and_nobody_else(self) -> None:
        with self.database.transaction() as connection:
            rows = connection.exec_driver_sql("SELECT user_id FROM subjects WHERE due_at IS NOT NULL").all()
        assert {row.user_id for row in rows} == self.waiting

    def _owns(self, claim: Claim) -> bool:
        return self.owner.get(claim.user_id) == claim

    def _let_go(self, claim: Claim) -> None:
        del self.owner[claim.user_id]
        self.ended.discard(claim.user_id)

    def _set(self, user: str, change: str) -> None:
        with self.database.transaction() as connection:
            connection.exec_driver_sql(f"UPDATE subjects SET {change} AND user_id = %s", (user,))


def test_claims_under_interleaving(database: Database) -> None:
    run_state_machine_as_test(
        type("ClaimsHere", (Claims,), {"database": database}),
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_claim_that_was_let_go_changes_nothing_any_more(database: Database) -> None:
    """A commit whose answer was lost with its connection: the worker believes that it failed, and postpones."""
    with database.transaction() as connection:
        subject = subjects.lock(connection, TENANT, "ann")
        subjects.note_pending(connection, subject, due_at=subject.now, tokens=1)
    with database.transaction() as connection:
        claim = claims.claim(connection, LEASE)
        assert claim is not None
        claims.release(connection, claim, tokens_left=0, since=None, due_at=None)
    with database.transaction() as connection:
        claims.postpone(connection, claim, delay=LEASE, error="x", burns_attempt=True)
        claims.narrow(connection, claim, batch_limit=1, error="x")
        row = connection.exec_driver_sql("SELECT due_at, attempts, batch_limit, last_error FROM subjects").one()
    assert tuple(row) == (None, 0, None, None)
