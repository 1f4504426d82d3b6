"""Applying policies: by the scheduler each hour, and for an admin who asks, who may also only count."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from afterword.schemas.errors import AfterwordError
from afterword.schemas.policies import PolicyCount, PolicyEffect, PolicyRun, RunPolicies
from afterword.schemas.values import Kind, Scope
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.governance.effects import Effect
from afterword.workers.services.policy.policies import PolicyBook
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones

logger = logging.getLogger(__name__)

_NAME = "policies"
_RUN_SECONDS = 30.0
"""A run of the scheduler ends after this much; the next one goes on."""
_ANSWERED_WITHIN = 0.6
"""The part of the asker's time in which batches are begun: the last one, and the reply, need the rest."""

_Key = tuple[PolicyEffect, Scope | None, Kind | None]


class PolicyRuns:
    """Applies policies in bounded batches. Each is committed by itself: whatever stops a run, the next one goes on."""

    def __init__(self, *, database: Database, book: PolicyBook, effects: Sequence[Effect], metrics: Metrics) -> None:
        self._database = database
        self._book = book
        self._effects = effects
        self._metrics = metrics

    def apply_due(self) -> None:
        """Apply the policies of all tenants once an hour. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        with self._database.transaction() as connection:
            hour = _hour(milestones.now(connection))
            last = milestones.reached(connection, _NAME)
        if last is not None and last >= hour:
            return
        counts, more = self._apply(None, None, _RUN_SECONDS)
        if counts:
            logger.info("policies took %d things", sum(counts.values()))
        if not more:
            with self._database.transaction() as connection:
                # Last, so that a run which was stopped is done again.
                milestones.reach(connection, _NAME, hour)

    def run(self, command: RunPolicies, within: float | None) -> PolicyRun:
        """Apply the policies of a tenant, or only count. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        if command.dry_run:
            found = [count for effect in self._ruled() for count in effect.forecast(command.tenant_id)]
            return PolicyRun(dry_run=True, counts=tuple(found))
        seconds = _RUN_SECONDS if within is None else within * _ANSWERED_WITHIN
        counts, more = self._apply(command.tenant_id, command.asked_by, seconds)
        told = (
            PolicyCount(effect=effect, scope=scope, kind=kind, count=count)
            for (effect, scope, kind), count in counts.items()
        )
        return PolicyRun(dry_run=False, counts=tuple(told), more=more)

    def _ruled(self) -> Iterator[Effect]:
        # Without a rule anywhere no table is looked through.
        return (effect for effect in self._effects if self._book.says_anything(*effect.rules))

    def _apply(self, tenant_id: str | None, by: str | None, seconds: float) -> tuple[dict[_Key, int], bool]:
        """What went, and whether the time was over before everything was done. Raises: the first failure of an effect,
        once the others were applied.
        """
        ends, total, more = time.monotonic() + seconds, Counter[_Key](), False
        failures: list[AfterwordError] = []
        for each in self._batches(tenant_id, by, failures):
            for count in each:
                total[count.effect, count.scope, count.kind] += count.count
                self._metrics.policy_effects.labels(count.effect.value).inc(count.count)
            if more := time.monotonic() >= ends:
                break
        if failures:
            raise failures[0]
        return dict(total), more

    def _batches(
        self, tenant_id: str | None, by: str | None, failures: list[AfterwordError]
    ) -> Iterator[list[PolicyCount]]:
        for effect in self._ruled():
            try:
                yield from effect.batches(tenant_id, by)
            # Not every effect needs the store that is away.
            except AfterwordError as error:
                failures.append(error)


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
