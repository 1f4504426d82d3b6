"""Requests to erase: recorded at once with a fence before the user, and carried out by the scheduler."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from afterword.schemas.erasures import EraseUser, ErasureReceipt, ErasureState, ErasureStatus, GetErasure
from afterword.workers.core.errors import BeingErased, NotFound
from afterword.workers.services.commands import work_in_flight
from afterword.workers.services.governance.steps import Step
from afterword.workers.services.memories.pending_deletions import PendingDeletions
from afterword.workers.services.policy.access import asker_of
from afterword.workers.stores.ledger import audit, deletions, erasures
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.deletions import Deletion, Wanted
from afterword.workers.stores.ledger.erasures import Erasure
from afterword.workers.stores.ledger.extraction import subjects


class ErasureDesk:
    """Answers `users_erase` and `users_erasure`."""

    def __init__(self, database: Database, pending: PendingDeletions) -> None:
        self._database = database
        self._pending = pending

    def erase(self, command: EraseUser, _: float | None = None) -> ErasureState:
        """Record an erasure. From this commit on nothing of the user is shown, nothing is written for them, and work
        in flight is void. An erasure that runs already is answered as it is.

        Raises: LedgerUnavailable; nothing is recorded then.
        """
        with self._database.transaction() as connection:
            found = erasures.running(connection, command.tenant_id, command.user_id)
        if found is None:
            try:
                found = self._record(command)
            except BeingErased:
                # Another request came first by a moment.
                with self._database.transaction() as connection:
                    found = erasures.running(connection, command.tenant_id, command.user_id)
                if found is None:
                    raise
        return state_of(found)

    def state(self, command: GetErasure, _: float | None = None) -> ErasureState:
        """How far an erasure is. Raises: NotFound, LedgerUnavailable."""
        with self._database.transaction() as connection:
            found = erasures.find(connection, command.erasure_id, command.tenant_id)
        if found is None:
            raise NotFound("there is no such erasure")
        return state_of(found)

    def _record(self, command: EraseUser) -> Erasure:
        with self._database.transaction() as connection:
            recorded, hidden = _recorded(connection, command)
        self._pending.note(hidden)
        return recorded


def _recorded(connection: Connection, command: EraseUser) -> tuple[Erasure, Deletion]:
    tenant_id, user_id = command.tenant_id, command.user_id
    subjects.lock(connection, tenant_id, user_id)
    held = work_in_flight.void(connection, tenant_id, user_id)
    asker = asker_of(command)
    recorded = erasures.record(
        connection,
        erasure_id=str(uuid4()),
        user=(tenant_id, user_id),
        keep_learned=command.keep_learned,
        requested_by=None if asker == user_id else asker,
        step=Step.SAMPLE,
        memory_ids=held.memory_ids,
    )
    subjects.begin_erasing(connection, tenant_id, user_id, recorded.requested_at)
    hidden = deletions.record(
        connection,
        Wanted(tenant_id=tenant_id, user_id=user_id, everything=True, memory_ids=held.memory_ids, agents=held.agents),
    )
    audit.write(connection, [audited("user_erase", recorded)])
    return recorded, hidden


def audited(type: audit.Type, erasure: Erasure) -> audit.Event:
    """The audit row of an erasure: it names the erasure, and not the user."""
    told = {"erasure": erasure.id, "keep_learned": erasure.keep_learned}
    by = {"by": erasure.requested_by} if erasure.requested_by else {}
    return audit.Event(type, tenant_id=erasure.tenant_id, metadata={**told, **by})


def state_of(erasure: Erasure) -> ErasureState:
    """An erasure as its asker sees it."""
    finished_at: datetime | None = erasure.finished_at
    receipt = None if erasure.receipt is None else ErasureReceipt.model_validate(erasure.receipt)
    return ErasureState(
        erasure_id=erasure.id,
        status=ErasureStatus.RUNNING if finished_at is None else ErasureStatus.DONE,
        step=erasure.step if finished_at is None else None,
        requested_at=erasure.requested_at,
        finished_at=finished_at,
        receipt=receipt,
    )
