"""The actor of the conversations queue."""

from __future__ import annotations

from typing import Any

import dramatiq

from afterword.schemas import ConversationFinished, InvalidInput, UnsupportedVersion
from afterword.schemas.conversation import check_length
from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.broker import Deferred, MendedBroker, Postponed
from afterword.workers.core.errors import BeingErased, LedgerRefused, LedgerUnavailable
from afterword.workers.services.ingest.ingest import Ingest

_ERASING_MS = 3_000
"""An erasure takes about as long."""


def declare(broker: MendedBroker, ingest: Ingest) -> None:
    """Take conversations in. One that breaks the contract, or that the ledger cannot keep, is a dead letter at once."""

    @dramatiq.actor(
        broker=broker,
        queue_name=Queue.CONVERSATIONS,
        actor_name=ACTORS[Queue.CONVERSATIONS],
        throws=(InvalidInput, UnsupportedVersion, LedgerRefused),
    )
    def ingest_conversation(body: Any) -> None:
        event = ConversationFinished.parse(body)
        check_length(event)
        try:
            ingest.ingest(event)
        except BeingErased as error:
            raise Deferred("its user is being erased", delay=_ERASING_MS) from error
        except LedgerUnavailable as error:
            raise Postponed("PostgreSQL is away") from error
