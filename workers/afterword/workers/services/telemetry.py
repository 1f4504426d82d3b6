"""Query events: gathered beside the answers, written down in batches of a second. Bounded, and lossy by declaration."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from afterword.schemas.errors import AfterwordError
from afterword.workers.messages import QueryEvent, QueryEvents
from afterword.workers.metrics import Metrics
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_MOST_WAITING = 10_000
_MOST_A_MESSAGE = 500


class QueryLog:
    """Gathers query events and hands them to `send` about once a second, from a thread of its own."""

    def __init__(self, send: Callable[[QueryEvents], None], metrics: Metrics) -> None:
        self._send = send
        self._metrics = metrics
        self._waiting: deque[QueryEvent] = deque()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="query-log", daemon=True)

    def start(self) -> None:
        """Begin sending."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, and end."""
        self._stopped.set()
        self._thread.join()

    def add(self, event: QueryEvent) -> None:
        """Take an event; the oldest goes when too many wait. Never blocks."""
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self._metrics.telemetry_dropped.inc()
        self._waiting.append(event)

    def _run(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while self._waiting:
            events = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_A_MESSAGE))]
            try:
                self._send(QueryEvents(events=tuple(events)))
            except AfterwordError as error:
                self._metrics.telemetry_dropped.inc(len(events))
                logger.warning("%d query events were dropped: %s", len(events), error)


def record(database: Database, events: Sequence[QueryEvent]) -> None:
    """Write query events to the audit. Raises: LedgerUnavailable."""
    with database.transaction() as connection:
        audit.write(connection, [_audited(event) for event in events])


def _audited(event: QueryEvent) -> audit.Event:
    return audit.Event(
        type="memory_query",
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        result_count=event.result_count,
        metadata={
            "at": event.at.isoformat(),
            "query_length": event.query_length,
            "result_length": event.result_length,
            "seconds": round(event.seconds, 6),
            "degraded": list(event.degraded),
        },
    )
