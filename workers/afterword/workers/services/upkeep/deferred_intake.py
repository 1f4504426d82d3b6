"""Deferred events: each is taken in when its limit has room again; one that has waited too long is a dead letter."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from afterword.schemas import ConversationFinished
from afterword.schemas.errors import InvalidInput, UnsupportedVersion
from afterword.schemas.wire import Queue, encode_json
from afterword.workers.core.errors import BeingErased, LedgerRefused
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.commands.dead_letters import about
from afterword.workers.services.ingest.ingest import Ingest
from afterword.workers.services.ingest.recorder import LONGEST_WAIT, Outcome
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.ingest import deferred
from afterword.workers.stores.ledger.ingest.deferred import DeferredEvent
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter

_AT_ONCE: Final = 100
_BUSY_SECONDS: Final = 1.0
"""So long at a stretch: the scheduler has other tasks, and takes this one up again at once."""


class DeferredIntake:
    """Takes deferred events in, those of a user in the order in which they came. Both methods are tasks of the
    scheduler, and raise LedgerUnavailable.
    """

    def __init__(self, *, database: Database, ingest: Ingest, metrics: Metrics, within: timedelta) -> None:
        self._database = database
        self._ingest = ingest
        self._metrics = metrics
        self._within = within

    def take_in(self) -> None:
        """Take in what limits have room for now: of each user one, then of each another one."""
        until = time.monotonic() + _BUSY_SECONDS
        while time.monotonic() < until:
            with self._database.transaction() as connection:
                due = deferred.due(connection, limit=_AT_ONCE)
            taken = [self._take_in(event) for event in due]
            if not any(taken):
                return

    def _take_in(self, waiting: DeferredEvent) -> bool:
        """Whether it waits no more."""
        try:
            event = ConversationFinished.parse(json.loads(waiting.body))
            return self._ingest.ingest(event, waiting.id) is not Outcome.DEFERRED
        except BeingErased:
            # The erasure takes it away. Until then it must not stand before the events of others.
            with self._database.transaction() as connection:
                deferred.put_off(connection, waiting.id, LONGEST_WAIT)
            return False
        except (InvalidInput, UnsupportedVersion, LedgerRefused) as error:
            # It has to end, or the others of its user would never be taken in.
            return self._bury(waiting, f"{type(error).__name__}: {error}")

    def give_up(self) -> None:
        """Make dead letters of events that have waited too long: somebody may raise their limit, and replay them."""
        with self._database.transaction() as connection:
            old = deferred.older_than(connection, self._within, limit=_AT_ONCE)
        for waiting in old:
            self._bury(waiting, f"LimitReached: no room for so long: {waiting.reason}")

    def _bury(self, waiting: DeferredEvent, error: str) -> bool:
        try:
            with self._database.transaction() as connection:
                subjects.lock(connection, waiting.tenant_id, waiting.user_id)
                if not deferred.remove(connection, waiting.id):
                    return False
                deferred.advance(connection, waiting.tenant_id, waiting.user_id)
                letters = dead_letters.write(connection, [_letter_of(waiting, error)])
                audit.write(connection, [about("dead_letter", letter) for letter in letters])
        except BeingErased:
            return False
        self._metrics.dead_letters.labels(Queue.CONVERSATIONS).inc(len(letters))
        return True


def _letter_of(waiting: DeferredEvent, error: str) -> DeadLetter:
    now = datetime.now(UTC)
    message_id = f"deferred:{waiting.id}"
    now_ms = int(now.timestamp() * 1000)
    body = encode_json(Queue.CONVERSATIONS, waiting.body, now_ms=now_ms, message_id=message_id)
    return DeadLetter(
        message_id=message_id,
        queue=Queue.CONVERSATIONS.value,
        error=error,
        body=body,
        died_at=now,
        tenant_id=waiting.tenant_id,
        user_id=waiting.user_id,
        event_id=waiting.event_id,
    )
