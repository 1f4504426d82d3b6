"""Sweeps: the scheduler takes them again and again, so that no conversation waits for ever on its way to memories.

Each may run twice without harm.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from afterword.schemas.policies import PolicyEffect
from afterword.schemas.values import DEFAULT_TENANT, MAX_ID_BYTES
from afterword.schemas.wire import Queue, read_message
from afterword.workers.broker import DeadMessage, QueueAdmin
from afterword.workers.core.errors import EmbeddingFailed, LedgerRefused, VectorStoreUnavailable
from afterword.workers.core.messages import ExtractionHint
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.commands.dead_letters import about
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.services.upkeep import clears
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
_DEAD_PAGES = 20
_TRANSCRIPTS_AT_ONCE = 1000

_ERROR_LENGTH = 500

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
        self._unkept: dict[Queue, int] = {}

    def hint_due_subjects(self) -> None:
        """Send hints until there are as many as subjects are due, up to a bound; one while the breaker is open."""
        with self._database.transaction() as connection:
            paused = breaker.is_open(connection)
            due = subjects.due_count(connection, 1 if paused else _MOST_HINTS)
        # Hints that wait already count: a queue nobody reads must not fill Redis.
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
        """Copy dead messages to PostgreSQL, then let Redis forget them. One that PostgreSQL refuses stays in Redis."""
        for queue in Queue:
            unkept = 0
            for _ in range(_DEAD_PAGES):
                dead = self._queues.dead_messages(queue, _DEAD_AT_ONCE, skip=unkept)
                if not dead:
                    break
                unkept += self._keep(queue, dead)
            self._tell_unkept(queue, unkept)

    def _keep(self, queue: Queue, dead: Sequence[DeadMessage]) -> int:
        """Returns how many were refused."""
        try:
            self._copy(queue, dead)
        except LedgerRefused as error:
            # One by one: the message that PostgreSQL refuses must not hold the others back.
            if len(dead) > 1:
                return sum(self._keep(queue, [message]) for message in dead)
            logger.debug("dead message %.100r of queue %s cannot be kept: %s", dead[0].redis_id, queue, error)
            return 1
        return 0

    def _copy(self, queue: Queue, dead: Sequence[DeadMessage]) -> None:
        with self._database.transaction() as connection:
            letters = [letter_of(queue, message) for message in dead]
            cleared = clears.cleared_letters(connection, letters)
            new = dead_letters.write(connection, [each for each in letters if each.message_id not in cleared])
            audit.write(connection, [about("dead_letter", letter) for letter in new])
        # After the commit: a crash in between copies them again, and the letters' unique key keeps one of each.
        self._queues.forget_dead(queue, [message.redis_id for message in dead])
        self._metrics.dead_letters.labels(queue).inc(len(new))

    def _tell_unkept(self, queue: Queue, unkept: int) -> None:
        self._metrics.dead_messages_unkept.show(unkept, queue.value)
        # Once for each number: the sweep comes by every few seconds.
        if unkept and unkept != self._unkept.get(queue):
            logger.error("%d dead messages of queue %s cannot be kept in PostgreSQL: they stay in Redis", unkept, queue)
        self._unkept[queue] = unkept

    def drop_transcripts(self) -> None:
        """Forget transcripts that are done and old enough, where no policy says how long they are kept."""
        with self._database.transaction() as connection:
            gone = transcripts.drop_old(connection, kept=self._keep_transcripts, limit=_TRANSCRIPTS_AT_ONCE)
            # As a policy's: whoever asks where what was said has gone finds both in one place.
            told = {"effect": PolicyEffect.TRANSCRIPTS.value}
            rows = [audit.Event("policy_apply", tenant, result_count=n, metadata=told) for tenant, n in gone.items()]
            audit.write(connection, rows)
        self._metrics.policy_effects.labels(PolicyEffect.TRANSCRIPTS.value).inc(sum(gone.values()))


def letter_of(queue: Queue, message: DeadMessage) -> DeadLetter:
    """The letter to keep of a dead message. It names its user where the body does."""
    envelope, owner = read_message(message.data)
    options = envelope.get("options")
    error = message.error or (options.get("error") if isinstance(options, dict) else None)
    return DeadLetter(
        message_id=_indexable(message.redis_id),
        queue=queue.value,
        error=storable(str(error or "the message could not be read"))[:_ERROR_LENGTH],
        body=message.data,
        died_at=message.died_at,
        tenant_id=_id(owner.get("tenant_id")) or (DEFAULT_TENANT if owner else None),
        user_id=_id(owner.get("user_id")),
        event_id=_id(owner.get("event_id")),
    )


def _id(value: object) -> str | None:
    # Ids may be numbers in what others publish; their text form is what is kept.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _indexable(storable(value).encode()) if isinstance(value, str) else None


def _indexable(value: bytes) -> str:
    """An id that an index can hold. One that had to be changed for that ends in its digest, so that it stays unique."""
    kept = storable(value.decode(errors="replace")).encode()
    if kept == value and len(value) <= MAX_ID_BYTES:
        return kept.decode()
    beginning = kept[: MAX_ID_BYTES - 40].decode(errors="ignore")
    return f"{beginning}#{hashlib.sha256(value).hexdigest()[:32]}"
