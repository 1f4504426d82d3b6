"""The actor of the telemetry queue."""

from __future__ import annotations

from typing import Any

import dramatiq
from pydantic import ValidationError

from afterword.schemas import InvalidInput
from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.broker import MendedBroker, Postponed
from afterword.workers.core.errors import LedgerRefused, LedgerUnavailable
from afterword.workers.core.messages import QueryEvents
from afterword.workers.services.analytics import telemetry
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger.database import Database


def declare(broker: MendedBroker, database: Database, books: Books) -> None:
    """Write query events down. What no retry mends is a dead letter at once."""

    @dramatiq.actor(
        broker=broker,
        queue_name=Queue.TELEMETRY,
        actor_name=ACTORS[Queue.TELEMETRY],
        throws=(InvalidInput, LedgerRefused),
    )
    def record_events(body: Any) -> None:
        events = _read(body)
        try:
            telemetry.record(database, books, events)
        except LedgerUnavailable as error:
            raise Postponed("PostgreSQL is away") from error


def _read(body: Any) -> QueryEvents:
    """Raises: InvalidInput, which names the field; pydantic's own error would quote its input."""
    try:
        return QueryEvents.model_validate(body)
    except ValidationError as error:
        raise InvalidInput.from_validation(error) from None
