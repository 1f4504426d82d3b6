"""The actor of the extraction queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq

from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.broker import MendedBroker, Postponed
from afterword.workers.core.errors import LedgerUnavailable

if TYPE_CHECKING:
    from afterword.workers.services.extraction.extraction import Extraction  # imports mem0, which takes a second


def declare(broker: MendedBroker, extraction: Extraction) -> None:
    """Extract one due subject per hint. The ledger says which subject: a hint names none."""

    @dramatiq.actor(broker=broker, queue_name=Queue.EXTRACTION, actor_name=ACTORS[Queue.EXTRACTION])
    def extract_subject(_hint: Any) -> None:
        try:
            extraction.extract_next()
        except LedgerUnavailable as error:
            raise Postponed("PostgreSQL is away") from error
