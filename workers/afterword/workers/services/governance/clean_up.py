"""Cleaning up a user's old memories, for somebody who asks."""

from __future__ import annotations

import time
from datetime import timedelta

from afterword.schemas import CleanedUp, CleanUpMemories
from afterword.workers.services.governance.removal import BATCH, MemoryRemover
from afterword.workers.services.policy.access import asker_of
from afterword.workers.stores.ledger.upkeep import ageing

_ANSWERED_WITHIN = 0.6
"""The part of the asker's time in which batches are begun: the last one, and the reply, need the rest."""
_SECONDS = 30.0


class MemoryCleaner:
    """Answers `cleanup`."""

    def __init__(self, remover: MemoryRemover) -> None:
        self._remover = remover

    def clean_up(self, command: CleanUpMemories, within: float | None) -> CleanedUp:
        """Remove what is older, in batches, for as long as the asker waits. Raises: LedgerUnavailable,
        VectorStoreUnavailable.
        """
        whose, than = (command.tenant_id, command.user_id), timedelta(days=command.older_than_days)
        database = self._remover.database
        if command.dry_run:
            with database.transaction() as connection:
                return CleanedUp(removed=ageing.count_older(connection, *whose, than=than), dry_run=True)
        ends = time.monotonic() + (_SECONDS if within is None else within * _ANSWERED_WITHIN)
        removed = 0
        while True:
            with database.transaction() as connection:
                aged = ageing.older(connection, *whose, than=than, limit=BATCH)
            if not aged:
                return CleanedUp(removed=removed)
            removed += sum(self._remover.remove(aged, reason="clean_up", by=asker_of(command)).values())
            if time.monotonic() >= ends:
                return CleanedUp(removed=removed, more=True)
