"""The effects of policies: each knows what it would take, and takes it a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from afterword.schemas.policies import PolicyCount, PolicyEffect
from afterword.workers.services.governance.removal import BATCH, MemoryRemover
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import transcripts
from afterword.workers.stores.ledger.upkeep import ageing
from afterword.workers.stores.ledger.upkeep.ageing import Counted

Defaults = Mapping[str, Any]
"""The rules of the settings."""

_AUDIT_BATCH = 5_000


class Effect(Protocol):
    """Something that rules of the policies do. `rules` are their names: without one anywhere there is nothing to do."""

    @property
    def rules(self) -> tuple[str, ...]: ...

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        """What it would take of a tenant now."""

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        """Take a batch with each step, of one tenant or of all; each is committed when its counts are given."""


class MemoryRetention:
    """Memories go when they have been kept for `keep_days`."""

    rules = ("keep_days",)

    def __init__(self, database: Database, remover: MemoryRemover, defaults: Defaults) -> None:
        self._database = database
        self._remover = remover
        self._defaults = defaults

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        with self._database.transaction() as connection:
            return told(PolicyEffect.RETENTION, ageing.count_past_retention(connection, self._defaults, tenant_id))

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        after: str | None = None
        while True:
            with self._database.transaction() as connection:
                aged = ageing.past_retention(connection, self._defaults, tenant_id=tenant_id, after=after, limit=BATCH)
            if not aged:
                return
            yield told(PolicyEffect.RETENTION, self._remover.remove(aged, reason="retention", by=by))
            # Behind the last one: rows that stay are looked at once in a run.
            after = aged[-1].id


class AuditRetention:
    """Rows of the audit go after `audit_days`, but for single queries, which have a setting of their own."""

    rules = ("audit_days",)

    def __init__(self, database: Database, defaults: Defaults) -> None:
        self._database = database
        self._defaults = defaults

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        with self._database.transaction() as connection:
            count = ageing.count_old_audit(connection, self._defaults, tenant_id)
        return [PolicyCount(effect=PolicyEffect.AUDIT, count=count)] if count else []

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        after: int | None = 0
        while after is not None:
            with self._database.transaction() as connection:
                gone, after = ageing.drop_audit(
                    connection, self._defaults, tenant_id=tenant_id, after=after, limit=_AUDIT_BATCH
                )
                audit.write(connection, [applied(PolicyEffect.AUDIT, tenant, n, by) for tenant, n in gone.items()])
            if gone:
                yield [PolicyCount(effect=PolicyEffect.AUDIT, count=sum(gone.values()))]


class TranscriptRetention:
    """What was said goes after `transcript_days`; where no policy says so, the scheduler's own task lets it go.

    What waits for an LLM goes with its excerpts: else they would be learned from after their time.
    """

    rules = ("transcript_days", "keep_days")

    def __init__(self, database: Database, defaults: Defaults) -> None:
        self._database = database
        self._defaults = defaults

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        with self._database.transaction() as connection:
            count = transcripts.count_past_policy(connection, self._defaults, tenant_id)
        return [PolicyCount(effect=PolicyEffect.TRANSCRIPTS, count=count)] if count else []

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        while True:
            with self._database.transaction() as connection:
                gone = transcripts.drop_past_policy(connection, self._defaults, tenant_id=tenant_id, limit=BATCH)
                rows = [applied(PolicyEffect.TRANSCRIPTS, tenant, n, by) for tenant, n in gone.items()]
                audit.write(connection, rows)
            if not gone:
                return
            yield [PolicyCount(effect=PolicyEffect.TRANSCRIPTS, count=sum(gone.values()))]


def told(effect: PolicyEffect, counts: Counted) -> list[PolicyCount]:
    """Counts of memories, as they are answered."""
    return [PolicyCount(effect=effect, scope=scope, kind=kind, count=n) for (scope, kind), n in counts.items() if n]


def applied(effect: PolicyEffect, tenant_id: str, count: int, by: str | None) -> audit.Event:
    """The audit row of a batch that is of no single user."""
    metadata = {"effect": effect.value, **({"by": by} if by else {})}
    return audit.Event("policy_apply", tenant_id=tenant_id, result_count=count, metadata=metadata)
