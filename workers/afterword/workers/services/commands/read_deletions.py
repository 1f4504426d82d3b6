"""Reading how far a deletion is."""

from __future__ import annotations

from afterword.schemas import DeletionState, GetDeletion
from afterword.workers.core.errors import NotFound
from afterword.workers.stores.ledger import deletions
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.deletions import Deletion

_DIGITS_AT_MOST = 18
"""A number of so many digits is one that PostgreSQL can be asked for."""


class DeletionReader:
    """Answers `deletion`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, command: GetDeletion, _: float | None) -> DeletionState:
        """The state of a deletion of the owner's. Raises: NotFound, LedgerUnavailable."""
        found = None
        if _is_number(command.deletion_id):
            with self._database.transaction() as connection:
                found = deletions.find(connection, command.tenant_id, int(command.deletion_id))
        # Another's deletion is answered as one that never was: its number is easily guessed.
        if found is None or not _is_asked_by_owner(found[0], command):
            raise NotFound("there is no such deletion")
        deletion, finished_at = found
        return DeletionState(
            deletion_id=command.deletion_id,
            pending=finished_at is None,
            memories=deletion.wanted.known,
            requested_at=deletion.requested_at,
            finished_at=finished_at,
        )


def _is_asked_by_owner(deletion: Deletion, command: GetDeletion) -> bool:
    wanted = deletion.wanted
    of_owner = (wanted.user_id, wanted.agent_id) == (command.user_id, command.agent_id)
    return of_owner and command.session_id in (None, wanted.session_id)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_AT_MOST
