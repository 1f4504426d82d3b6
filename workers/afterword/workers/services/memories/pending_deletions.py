"""Deletions that are recorded and not carried out by the vector store yet: hidden from every reader meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from afterword.schemas.values import Scope
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger import deletions
from afterword.workers.stores.ledger.background_reading import BackgroundReading
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.deletions import Deletion
from afterword.workers.stores.vectors.payload import StoredMemory

_LISTED = 10_000


class PendingDeletions:
    """The memories that must not be shown any more, read from the ledger now and then. Thread-safe. No reader ever
    waits for it; while the ledger is away the last list holds.

    >>> pending.note(deletion)  # doctest: +SKIP
    >>> pending.hides(memory)  # doctest: +SKIP
    True
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._listed: dict[int, Deletion] = {}
        self._noted_at: dict[int, float] = {}
        self._reading = BackgroundReading(self.read, name="pending-deletions")

    def hides(self, memory: StoredMemory) -> bool:
        """Whether somebody asked for this memory to be forgotten."""
        # Without the lock: the list is replaced as a whole, never changed.
        listed = self._listed
        return bool(listed) and any(covers(deletion, memory) for deletion in listed.values())

    def refresh(self) -> None:
        """Have the list read anew when it is old; returns at once."""
        self._reading.refresh()

    def read(self) -> None:
        """Read the list now. While the ledger is away the last one holds."""
        begun = time.monotonic()
        with suppress(LedgerUnavailable):
            with self._database.transaction() as connection:
                found = deletions.pending(connection, limit=_LISTED)
            with self._lock:
                # One that was noted while the list was read may be missing from it.
                self._noted_at = {id: at for id, at in self._noted_at.items() if at >= begun}
                meanwhile = {id: each for id, each in self._listed.items() if id in self._noted_at}
                self._listed = {deletion.id: deletion for deletion in found} | meanwhile

    def note(self, deletion: Deletion) -> None:
        """One was recorded just now: this process hides it from here on."""
        with self._lock:
            self._listed = {**self._listed, deletion.id: deletion}
            self._noted_at = {**self._noted_at, deletion.id: time.monotonic()}

    def drop(self, deletion: Deletion) -> None:
        """One was carried out."""
        with self._lock:
            self._listed = {id: each for id, each in self._listed.items() if id != deletion.id}

    def close(self) -> None:
        """Read no more, after the reading at hand."""
        self._reading.close()


def covers(deletion: Deletion, memory: StoredMemory) -> bool:
    """Whether a memory is part of what is to be forgotten."""
    wanted = deletion.wanted
    if memory.tenant_id != wanted.tenant_id:
        return False
    if memory.id in wanted.memory_ids:
        return True
    if not wanted.everything or memory.created_at > deletion.requested_at:
        return False
    if wanted.user_id is None:
        return memory.scope is Scope.AGENT and memory.agent_id == wanted.agent_id
    of_user = memory.scope is not Scope.AGENT and memory.user_id == wanted.user_id
    return of_user and wanted.session_id in (None, memory.session_id)
