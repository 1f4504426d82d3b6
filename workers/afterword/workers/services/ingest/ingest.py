"""Taking a conversation in: recorded in one transaction, its excerpts searchable at once, its facts due later."""

from __future__ import annotations

import logging
from collections.abc import Callable

from afterword.schemas import ConversationFinished
from afterword.workers.core.errors import EmbeddingFailed, VectorStoreUnavailable
from afterword.workers.core.ids import pseudonym
from afterword.workers.observing.metrics import Metrics
from afterword.workers.observing.outages import CALM_SECONDS, Outage
from afterword.workers.observing.stopwatch import Stopwatch
from afterword.workers.services.ingest.recorder import Outcome, Recorder
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.stores.ledger.ingest.conversations import Conversation

logger = logging.getLogger(__name__)


class Ingest:
    """Takes conversations in. `hint` tells the extraction workers that a subject is due at once.

    >>> ingest.ingest(ConversationFinished.parse(body))  # doctest: +SKIP
    <Outcome.STORED: 'stored'>
    """

    def __init__(self, *, recorder: Recorder, excerpts: Excerpts, hint: Callable[[], None], metrics: Metrics) -> None:
        self._recorder = recorder
        self._excerpts = excerpts
        self._hint = hint
        self._metrics = metrics
        self._outage = Outage(
            logger, gone="excerpts wait for the sweep", back="excerpts are written at once again", calm=CALM_SECONDS
        )

    def ingest(self, event: ConversationFinished, waited: int | None = None) -> Outcome:
        """Record an event once, however often it comes; then write its excerpts.

        Excerpts that cannot be written now are left to the sweep: the event counts as taken in. One that is over a
        limit waits in the ledger; `waited` is the id that it has there, when it is tried again.

        Raises: LedgerUnavailable; nothing is recorded then.
        """
        watch = Stopwatch()
        with watch.step("total"):
            with watch.step("record"):
                recorded = self._recorder.record(event, waited)
            if recorded.wanting is not None:
                self._write_excerpts(recorded.wanting, watch)
            if recorded.due:
                self._hint()
        watch.show(self._metrics.ingest_seconds)
        user = pseudonym(event.tenant_id, event.user_id)
        logger.debug("event %s of user %s: %s, %s", event.event_id, user, recorded.outcome, watch)
        # After the commit: an event that was not recorded must not count.
        if waited is None or recorded.outcome is not Outcome.DEFERRED:
            self._count(event, recorded.outcome)
        return recorded.outcome

    def _write_excerpts(self, conversation: Conversation, watch: Stopwatch) -> None:
        try:
            self._excerpts.write(conversation, watch)
        except (EmbeddingFailed, VectorStoreUnavailable) as error:
            self._outage.note(str(error))
            logger.debug("excerpts of event %s wait for the sweep", conversation.event_id)
        else:
            self._outage.note(None)

    def _count(self, event: ConversationFinished, outcome: Outcome) -> None:
        self._metrics.ingested.labels(outcome).inc()
        if outcome in (Outcome.STORED, Outcome.SKIPPED):
            # An event brings counts of its client and of its own messages: they count once, with its first recording.
            for told, number in event.publishes or ():
                self._metrics.publishes.labels(told).inc(number)
            self._metrics.messages_skipped.inc(event.skipped)
