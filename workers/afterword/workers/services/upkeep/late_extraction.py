"""Late extraction: conversations that were taken in while no LLM was set get their facts when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import progress, subjects

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class LateReport:
    """How many conversations wait for extraction now, and of how many the transcript is gone."""

    pending: int
    gone: int


class LateExtraction:
    """Lets conversations wait for an LLM that came after them.

    >>> LateExtraction(database).request(since=None)  # doctest: +SKIP
    LateReport(pending=12, gone=0)
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, *, since: datetime | None, tenant_id: str | None = None) -> LateReport:
        """Make every conversation that was skipped for want of an LLM, and happened since then, wait for extraction.

        Run again after a failure, it goes on with what is left. Raises: LedgerUnavailable.
        """
        pending = 0
        while found := self._request_some(since, tenant_id):
            pending += found
        with self._database.transaction() as connection:
            skipped = progress.count_verbatim(connection, since=since, tenant_id=tenant_id)
        return LateReport(pending, skipped.all - skipped.kept)

    def _request_some(self, since: datetime | None, tenant_id: str | None) -> int:
        with self._database.transaction() as connection:
            owners = progress.owners_of_verbatim(connection, since=since, tenant_id=tenant_id, limit=_AT_ONCE)
            found = 0
            # In one order: two that run this at once do not wait for each other's subjects in a circle.
            for owner in owners:
                subject = subjects.lock(connection, *owner)
                revived = progress.revive_verbatim(connection, *owner, since=since)
                tokens = sum(turn.tokens for conversation in revived for turn in conversation.turns)
                if revived:
                    subjects.note_pending(connection, subject, due_at=subject.now, tokens=tokens)
                audit.write(
                    connection,
                    [
                        audit.Event(
                            type="extraction_request", tenant_id=owner[0], user_id=owner[1], event_id=each.event_id
                        )
                        for each in revived
                    ],
                )
                found += len(revived)
            return found
