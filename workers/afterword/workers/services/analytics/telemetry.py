"""Query events: gathered beside the answers, written down in batches of a second. Bounded, and lossy by declaration."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.messages import QueryEvent, QueryEvents
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.analytics import telemetry_batches
from afterword.workers.stores.ledger.analytics.statistics import Delta, day_of
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.memories import MemoryUses

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_MOST_WAITING = 10_000
_MOST_A_MESSAGE = 500


class QueryLog:
    """Gathers query events and hands them to `send` about once a second, from a thread of its own."""

    def __init__(self, *, send: Callable[[QueryEvents], None], metrics: Metrics, keep_words: bool = False) -> None:
        self._send = send
        self._keep_words = keep_words
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
        """Take an event, without its words unless they are to be kept; the oldest goes when too many wait.

        Never blocks.
        """
        # Here already, so that words nobody opted in for never reach a queue.
        if not self._keep_words:
            event = event.model_copy(update={"query": None})
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


def record(database: Database, books: Books, batch: QueryEvents) -> None:
    """Write query events to the audit and the statistics; a batch that comes again, or events of before their
    subject was cleared, change nothing. Raises: LedgerUnavailable, LedgerRefused.
    """
    with database.transaction() as connection:
        # In the same transaction: a batch that fails is not known, and may come again.
        if not telemetry_batches.note(connection, str(batch.batch_id)):
            return
        cleared = subjects.cleared_at(connection, [(event.tenant_id, event.user_id) for event in batch.events])
        events = [event for event in batch.events if not _is_void(event, cleared)]
        audit.write(connection, [_audited(event) for event in events])
        books.count(connection, [_counted(event) for event in events])
        memories.note_uses(connection, [_used(event) for event in events if event.memory_ids])


def _is_void(event: QueryEvent, cleared: Mapping[tuple[str, str], datetime]) -> bool:
    at = cleared.get((event.tenant_id, event.user_id))
    # Writing it down would bring back something of a user who was cleared since.
    return at is not None and event.at <= at


def _used(event: QueryEvent) -> MemoryUses:
    return MemoryUses(event.tenant_id, event.at, tuple(str(each) for each in event.memory_ids))


def _is_eligible(event: QueryEvent) -> bool:
    """Whether something should have been found."""
    return event.gate_passed and event.has_memories


def _is_successful(event: QueryEvent) -> bool:
    return _is_eligible(event) and event.result_count > 0 and not event.degraded


def _audited(event: QueryEvent) -> audit.Event:
    return audit.Event(
        type="memory_query",
        at=event.at,
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        result_count=event.result_count,
        query=event.query,
        metadata={
            "query_length": event.query_length,
            "query_hash": event.query_hash,
            "result_length": event.result_length,
            "has_results": event.result_count > 0,
            "relevance": event.relevance,
            "gate_passed": event.gate_passed,
            "degraded": list(event.degraded),
            "eligible": _is_eligible(event),
            "successful": _is_successful(event),
            "seconds": round(event.seconds, 6),
        },
    )


def _counted(event: QueryEvent) -> Delta:
    return Delta(
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        day=day_of(event.at),
        agent_id=event.agent_id or "",
        active=True,
        searches=1,
        eligible_searches=int(_is_eligible(event)),
        successful_searches=int(_is_successful(event)),
        search_seconds=event.seconds,
        relevance_sum=event.relevance or 0.0,
        relevance_count=0 if event.relevance is None else 1,
    )
