"""Erasing: the steps of recorded erasures, one after another, until the receipt is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from afterword.schemas.erasures import ErasureReceipt, Residue
from afterword.schemas.errors import AfterwordError
from afterword.workers.broker import RedisTraces
from afterword.workers.core.leftovers import finish_each
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.governance.ledger_removal import LedgerRemoval, forget_asker, pseudonymise_audit
from afterword.workers.services.governance.queue_removal import QueueRemoval
from afterword.workers.services.governance.requests import audited
from afterword.workers.services.governance.residue import ResidueScan, Sought
from afterword.workers.services.governance.steps import Note, Step
from afterword.workers.services.governance.store_removal import StoreRemoval
from afterword.workers.stores.ledger import audit, erasures
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.erasures import Erasure
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.schema import TABLES

logger = logging.getLogger(__name__)

_AT_ONCE = 20
_ROUNDS = 10
"""Rounds after which a receipt is written that tells of a residue. A round takes the scheduler's interval at least: by
then replies that nobody fetched have expired, and workers have put down what they had in their hands."""

_HELD = timedelta(hours=1)
"""No worker holds a batch this long (see `AFTERWORD_MAX_HOLD`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removals:
    """What removes a user from each kind of store."""

    store: StoreRemoval
    queues: QueueRemoval
    ledger: LedgerRemoval
    traces: RedisTraces


class Erasing:
    """Carries erasures out. Each method is a task of the scheduler, and may run twice without harm."""

    def __init__(self, *, database: Database, removals: Removals, scan: ResidueScan, metrics: Metrics) -> None:
        self._database = database
        self._removals = removals
        self._scan = scan
        self._metrics = metrics

    def carry_on(self) -> None:
        """Take the next steps of erasures that are not done. One that fails waits, and holds up no other.

        Raises: LedgerUnavailable.
        """
        with self._database.transaction() as connection:
            left = erasures.unfinished(connection, limit=_AT_ONCE)
        for erasure in left:
            try:
                self._finish_round(erasure)
            except AfterwordError as error:
                logger.warning("erasure %s waits, and is tried again: %s", erasure.id, error)

    def settle(self) -> None:
        """Look once more for what workers had in their hands an hour ago; one that fails holds up no other.

        Raises: StoreUnavailable.
        """
        with self._database.transaction() as connection:
            left = erasures.unsettled(connection, older_than=_HELD, limit=_AT_ONCE)
        finish_each(left, self._settle_one)

    def _settle_one(self, erasure: Erasure) -> None:
        self._removals.store.remove_late(erasure)
        with self._database.transaction() as connection:
            erasures.settle(connection, erasure.id)

    def _finish_round(self, erasure: Erasure) -> None:
        while erasure.step != Step.SCAN:
            self._steps[Step(erasure.step)](erasure, partial(self._note, erasure))
            with self._database.transaction() as connection:
                next_one = erasures.go_on(connection, erasure, Step(erasure.step).after)
            if next_one is None:
                # Another leader has finished it meanwhile. Whoever has this id now is somebody new.
                return
            erasure = next_one
        residue = self._scan.scan(_wanted(erasure))
        if residue.clean or erasure.round + 1 >= _ROUNDS:
            self._write_receipt(erasure, residue)
            return
        found = {name: place.found for name, place in residue.places.items() if place.found}
        logger.info("erasure %s goes on: something is left in %s", erasure.id, found)
        with self._database.transaction() as connection:
            erasures.go_on(connection, erasure, Step.MEMORIES, again=True)

    def _note(self, erasure: Erasure, removed: Mapping[str, int]) -> None:
        with self._database.transaction() as connection:
            erasures.note_removed(connection, erasure, erasure.step, removed)

    @property
    def _steps(self) -> Mapping[Step, Callable[[Erasure, Note], None]]:
        return {
            Step.SAMPLE: self._removals.store.sample,
            Step.MEMORIES: self._removals.store.remove,
            Step.QUEUES: self._removals.queues.remove,
            Step.LEDGER: self._remove_from_ledger,
            Step.AUDIT: self._pseudonymise,
            Step.FILES: self._rewrite_files,
        }

    def _remove_from_ledger(self, erasure: Erasure, _: Note) -> None:
        with self._database.transaction() as connection:
            removed = self._removals.ledger.remove(connection, erasure)
            # In the same transaction: after a kill there is nothing left to be counted.
            erasures.note_removed(connection, erasure, erasure.step, removed)

    def _pseudonymise(self, erasure: Erasure, note: Note) -> None:
        with self._database.transaction() as connection:
            rows = audit.count_of(connection, erasure.tenant_id, erasure.user_id)
        note({"audit": rows})
        left = True
        while left:
            with self._database.transaction() as connection:
                left = pseudonymise_audit(connection, erasure) > 0
        with self._database.transaction() as connection:
            forget_asker(connection, erasure)

    def _rewrite_files(self, _: Erasure, note: Note) -> None:
        self._database.vacuum(table.name for table in TABLES)
        log = self._removals.traces.rewrite_log()
        # Last, since writers wait for it: where one of the others fails, it is not done again and again for nothing.
        rewritten = self._removals.store.admin.rewrite()
        note({"vector_files_rewritten": int(rewritten), "append_only_file_rewritten": int(log)})

    def _write_receipt(self, erasure: Erasure, residue: Residue) -> None:
        """The last thing of all: from here on nothing knows whom it was about, and the fence is down."""
        receipt = _receipt(erasure, residue).model_dump(mode="json")
        with self._database.transaction() as connection:
            if not erasures.finish(connection, erasure.id, receipt):
                return
            subjects.forget(connection, erasure.tenant_id, erasure.user_id)
            audit.write(connection, [audited("user_erased", erasure)])
        self._metrics.erasures.labels("clean" if residue.clean else "residue").inc()
        if not residue.clean:
            logger.error("erasure %s is done, and its scan found something: see its receipt", erasure.id)
        try:
            # The versions of these rows that still named the user.
            self._database.vacuum(("erasures", "subjects"))
            self._removals.traces.announce()
        except AfterwordError as error:
            logger.warning("after an erasure the tables could not be vacuumed: %s", error)


def _wanted(erasure: Erasure) -> Sought:
    return Sought(
        tenant_id=erasure.tenant_id,
        user_id=erasure.user_id,
        watched=erasure.watched,
        since=erasure.requested_at,
        erasing=True,
    )


def _receipt(erasure: Erasure, residue: Residue) -> ErasureReceipt:
    return ErasureReceipt(
        erasure_id=erasure.id,
        subject=erasure.subject,
        asked_by=erasure.requested_by,
        requested_at=erasure.requested_at,
        finished_at=datetime.now(UTC),
        learned="kept" if erasure.keep_learned else "removed",
        removed={step: counts for step, counts in erasure.removed.items() if counts},
        residue=residue,
    )
