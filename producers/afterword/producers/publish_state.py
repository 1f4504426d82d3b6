"""The state of publishing: how much waits, how much arrived, and whether Redis answers. Both clients keep one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

import redis

from afterword.producers.backoff import Backoff
from afterword.producers.faults import explained, severity
from afterword.producers.outbox import BATCH_BYTES, Outbox, Parcel
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats

PUBLISH_SECONDS = 0.2
"""How long a publish waits for Redis in all. The SDK promises 250 ms: the rest is for its own work."""
LINGER_SECONDS = 1.0
"""How long the background thread or task waits for more, once everything is sent."""

logger = logging.getLogger("afterword.producers")


def send_seconds(batch: Sequence[Parcel]) -> float:
    """How long the background waits for Redis to take a batch: 5 s, longer when it is of an outsize event."""
    return 5.0 * max(1.0, sum(parcel.size for parcel in batch) / BATCH_BYTES)


class PublishState:
    """Not thread-safe: whoever shares it between threads guards it.

    `failing` is True from the first failure of Redis until it answers again; meanwhile nobody waits for it.
    """

    def __init__(self, settings: ClientSettings, *, user: str) -> None:
        self.outbox = Outbox(settings.outbox_messages, settings.outbox_bytes)
        self.failing = False
        self._user = user
        self._sent = self._invalid = self._skipped = 0
        self._told: Counter[str] = Counter()
        self._backoff = Backoff()
        self._logged: type[redis.RedisError] | None = None
        self._dropping = False

    @property
    def idle(self) -> bool:
        """Nothing waits, and Redis is not known to be away: an event may be sent at once."""
        return not self.outbox and not self.failing

    def hold(self, parcels: Sequence[Parcel]) -> None:
        """Keep these for later."""
        gone = sum(self.outbox.put(parcel) for parcel in parcels)
        # Once an outage: a full outbox drops something with each publish.
        if gone and not self._dropping:
            self._dropping = True
            logger.error("the outbox is full: the oldest events are dropped until Redis answers again")

    def holds(self, parcels: Sequence[Parcel]) -> bool:
        """Whether any of these still waits."""
        return any(parcel in self.outbox for parcel in parcels)

    def take_counts(self) -> Counter[str]:
        """Take the counts of sent, dropped and invalid events that no event has told yet.

        Whoever takes the counts puts them into the next event, or gives them back with `count_refused`.

        Each count travels with one event only, so that it counts once however often that event arrives; what a dropped
        event would have told goes with a later one.
        """
        happened = Counter(sent=self._sent, dropped=self.outbox.dropped, invalid=self._invalid)
        happened.subtract(self._told)
        happened.update(self.outbox.untold)
        untold = +happened  # below zero: told of what was dropped, and arrived after all
        self._told.update(untold)
        return untold

    def count_refused(self, count: int, counts: Counter[str]) -> None:
        """Count so many invalid events, and take back counts that no event will tell."""
        self._invalid += count
        self._told.subtract(counts)

    def note_skipped(self, count: int) -> None:
        """So many items among the messages of an event were no messages. Logged, since words may be missing."""
        if count:
            self._skipped += count
            logger.info("left out of an event: %d items that are no messages", count)

    def note_sent(self, parcels: Sequence[Parcel]) -> None:
        """These were sent at once."""
        self._sent += len(parcels)

    def note_sent_later(self, parcels: Sequence[Parcel]) -> None:
        """Count what was sent from the outbox, and let it go."""
        self._sent += len(parcels)
        self.outbox.settle(parcels)

    def note_answer(self) -> None:
        """Note that Redis answers: events may be sent at once again."""
        if self.failing:
            logger.info("Redis answers again; %d events wait, %d were dropped", len(self.outbox), self.outbox.dropped)
        self.failing = False
        self._logged = None
        self._dropping = False
        self._backoff.reset()

    def note_failure(self, error: redis.RedisError) -> None:
        """Redis does not answer, or refuses. Logged once for each kind of failure."""
        self.failing = True
        if self._logged is not type(error):
            self._logged = type(error)
            logger.log(severity(error), "events wait in the outbox: %s", explained(error, self._user))

    def wait(self) -> float:
        """Seconds to leave Redis alone."""
        return self._backoff.wait()

    def hurry(self) -> None:
        """Begin again with short waits: somebody waits for the outbox to be empty."""
        self._backoff.reset()

    def abandon(self) -> None:
        """Drop what could not be sent: the client closes."""
        gone = self.outbox.clear()
        # So that a client that is used again tries at once.
        self.failing = False
        if gone:
            logger.error("dropped, since they could not be sent before the client closed: %d events", gone)

    def stats(self) -> Stats:
        return Stats(
            sent=self._sent,
            queued=len(self.outbox),
            queued_bytes=self.outbox.size,
            dropped=self.outbox.dropped,
            invalid=self._invalid,
            redis_available=not self.failing,
            skipped=self._skipped,
        )
