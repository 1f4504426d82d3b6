"""The actor of the telemetry queue."""

from __future__ import annotations

from typing import Any

import dramatiq

from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.broker import MendedBroker, Postponed
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.core.messages import QueryEvents
from afterword.workers.services.analytics import telemetry
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger.database import Database


def declare(broker: MendedBroker, database: Database, books: Books) -> None:
    """Write query events down."""

    @dramatiq.actor(broker=broker, queue_name=Queue.TELEMETRY, actor_name=ACTORS[Queue.TELEMETRY])
    def record_events(body: Any) -> None:
        try:
            telemetry.record(database, books, QueryEvents.model_validate(body))
        except LedgerUnavailable as error:
            raise Postponed("PostgreSQL is away") from error
