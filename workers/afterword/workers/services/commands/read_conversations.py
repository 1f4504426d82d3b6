"""Reading how far a conversation has come."""

from __future__ import annotations

from typing import Final

from afterword.schemas import ConversationState, GetConversation
from afterword.workers.core.errors import NotFound
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import progress
from afterword.workers.stores.ledger.extraction.progress import PartProgress
from afterword.workers.stores.ledger.ingest import deferred
from afterword.workers.stores.ledger.ingest.conversations import ConversationStatus

# Whatever still waits before what has ended; of what has ended, first what somebody should look at. Of a conversation
# that was learned from in part, the rest is `skipped`: so that comes last.
_LEAST_FIRST: Final[tuple[ConversationStatus, ...]] = ("received", "stored", "extracting", "dead", "done", "skipped")


class ConversationReader:
    """Answers `conversation`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, command: GetConversation, _: float | None) -> ConversationState:
        """The state of the part that has come least far. Raises: NotFound, LedgerUnavailable."""
        with self._database.transaction() as connection:
            waiting = deferred.of_event(connection, command.tenant_id, command.user_id, command.event_id)
            parts = progress.of_event(connection, command.tenant_id, command.user_id, command.event_id)
        if waiting is not None:
            return ConversationState(
                event_id=command.event_id,
                status="deferred",
                searchable=False,
                reason=waiting.reason,
                received_at=waiting.deferred_at,
            )
        if not parts:
            raise NotFound("no conversation of this user and event was taken in")
        least = min(parts, key=_distance)
        return ConversationState(
            event_id=command.event_id,
            status=least.status,
            searchable=all(part.searchable for part in parts),
            reason=least.reason,
            received_at=min(part.received_at for part in parts),
            finished_at=least.finished_at,
        )


def _distance(part: PartProgress) -> int:
    return _LEAST_FIRST.index(part.status)
