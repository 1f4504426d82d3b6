"""Sweeps: the scheduler takes them again and again, so that no conversation waits for ever on its way to memories.

Each may run twice without harm.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import DeadMessage, QueueAdmin
from afterword.workers.core.errors import EmbeddingFailed, VectorStoreUnavailable
from afterword.workers.core.messages import ExtractionHint
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.services.upkeep import clears
from afterword.workers.services.upkeep.dead_letters import about
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import breaker, subjects
from afterword.workers.stores.ledger.ingest import excerpts, transcripts
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from afterword.workers.text.storable import storable

logger = logging.getLogger(__name__)

# Bounds keep a sweep short: what is left over is done by the next one, seconds later.
_MOST_HINTS = 256
_EXCERPTS_AT_ONCE = 50
_DEAD_AT_ONCE = 200
_TRANSCRIPTS_AT_ONCE = 1000

_LEFT_BEHIND = timedelta(seconds=15)
"""Younger conversations may still be in the hands of the worker that took them in."""


class Sweeps:
    """Each method is a task of the scheduler. It raises StoreUnavailable or MemoryUnavailable when a server is away."""

    def __init__(
        self,
        *,
        database: Database,
        queues: QueueAdmin,
        excerpts: Excerpts,
        metrics: Metrics,
        keep_transcripts: timedelta,
    ) -> None:
        self._database = database
        self._queues = queues
        self._excerpts = excerpts
        self._metrics = metrics
        self._keep_transcripts = keep_transcripts

    def hint_due_subjects(self) -> None:
        """Send hints until there are as many as subjects are due, up to a bound; one while the breaker is open."""
        with self._database.transaction() as connection:
            paused = breaker.is_open(connection)
            due = subjects.due_count(connection, 1 if paused else _MOST_HINTS)
        waiting = self._queues.queue_length(Queue.EXTRACTION) if due else 0
        for _ in range(due - waiting):
            self._queues.enqueue_body(Queue.EXTRACTION, ExtractionHint())

    def complete_excerpts(self) -> None:
        """Write the excerpts that could not be written when their conversation came."""
        with self._database.transaction() as connection:
            left = excerpts.without_excerpts(connection, older_than=_LEFT_BEHIND, limit=_EXCERPTS_AT_ONCE)
        for conversation in left:
            try:
                self._excerpts.write(conversation)
            except (EmbeddingFailed, VectorStoreUnavailable) as error:
                logger.warning("%d conversations still wait for their excerpts: %s", len(left), error)
                return

    def keep_dead_messages(self) -> None:
        """Copy dead messages to PostgreSQL, then let Redis forget them."""
        for queue in Queue:
            dead = self._queues.dead_messages(queue, _DEAD_AT_ONCE)
            with self._database.transaction() as connection:
                letters = [letter_of(queue, message) for message in dead]
                cleared = clears.cleared_letters(connection, letters)
                new = dead_letters.write(connection, [each for each in letters if each.message_id not in cleared])
                audit.write(connection, [about("dead_letter", letter) for letter in new])
            self._queues.forget_dead(queue, [message.message_id for message in dead])
            self._metrics.dead_letters.labels(queue).inc(len(new))

    def drop_transcripts(self) -> None:
        """Forget transcripts that are done and old enough."""
        with self._database.transaction() as connection:
            transcripts.drop_old(connection, kept=self._keep_transcripts, limit=_TRANSCRIPTS_AT_ONCE)


def letter_of(queue: Queue, message: DeadMessage) -> DeadLetter:
    """A dead message as it is kept; whose it is, where its body says so."""
    envelope, owner = read_message(message.data)
    options = envelope.get("options")
    error = options.get("error") if isinstance(options, dict) else None
    return DeadLetter(
        message_id=storable(message.message_id),
        queue=queue.value,
        error=storable(str(error or "the message could not be read")),
        body=message.data,
        died_at=message.died_at,
        tenant_id=_text(owner.get("tenant_id")) or (DEFAULT_TENANT if owner else None),
        user_id=_text(owner.get("user_id")),
        event_id=_text(owner.get("event_id")),
    )


def _text(value: object) -> str | None:
    # Ids may be numbers in what others publish; their text form is what is kept.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return storable(value) if isinstance(value, str) else None
