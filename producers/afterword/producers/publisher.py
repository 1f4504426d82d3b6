"""Sending events: at once where Redis answers, later where it does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from threading import Condition, Thread

import redis

from afterword.producers.farewell import send_rest
from afterword.producers.links import Link, Links
from afterword.producers.outbox import Parcel
from afterword.producers.process import at_exit
from afterword.producers.publish_state import LINGER_SECONDS, PUBLISH_SECONDS, PublishState, send_seconds
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats
from afterword.producers.transactions import transaction


class Publisher:
    """Sends parcels in the order they come, and never keeps its caller waiting beyond `PUBLISH_SECONDS`.

    A thread sends what waits. It runs only while something does, or while Redis is known to be away.
    """

    def __init__(self, links: Links, settings: ClientSettings) -> None:
        self._links = links
        self._exit_seconds = settings.exit_seconds
        self._state = PublishState(settings, user=links.user)
        self._changed = Condition()
        self._hurried = False
        self._closed = False
        self._thread: Thread | None = None
        at_exit(self, Publisher._exit)

    @property
    def available(self) -> bool:
        """False from the first failure of Redis until it answers again."""
        return not self._state.failing

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Send these in one transaction; what cannot be sent now waits in the outbox."""
        deadline = time.monotonic() + PUBLISH_SECONDS
        if not self._sent_at_once(parcels, deadline):
            self._send_later(parcels, deadline)

    def note_failure(self, error: redis.RedisError) -> None:
        """Redis failed somebody: from now on nobody waits for it, until it answers the background thread."""
        with self._changed:
            self._state.note_failure(error)
            self._changed.notify_all()
            self._start()

    def take_counts(self) -> Counter[str]:
        """Take the counts that the next event tells; see `PublishState.take_counts`."""
        with self._changed:
            return self._state.take_counts()

    def count_refused(self, count: int, counts: Counter[str]) -> None:
        """Count invalid events; see `PublishState.count_refused`."""
        with self._changed:
            self._state.count_refused(count, counts)

    def note_skipped(self, count: int) -> None:
        """Count what was left out of events."""
        with self._changed:
            self._state.note_skipped(count)

    def stats(self) -> Stats:
        with self._changed:
            return self._state.stats()

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits any more; False when something still does after `timeout` seconds."""
        with self._changed:
            # Ends the thread's pause, which may have seconds to go.
            self._hurried = bool(self._state.outbox)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._state.outbox, timeout)

    def close(self, timeout: float) -> None:
        """Flush, drop what could not be sent (counted and logged), and let the thread end."""
        self.flush(timeout)
        with self._changed:
            self._closed = True
            self._state.abandon()
            self._changed.notify_all()
        self._links.close()

    def _exit(self) -> None:
        # No thread can be started while the interpreter ends; one that runs already sends what is left.
        if self._thread is None:
            send_rest(self._links, self._state, self._exit_seconds)
        else:
            self.close(self._exit_seconds)

    def _sent_at_once(self, parcels: Sequence[Parcel], deadline: float) -> bool:
        # Read without the lock: what another thread does at this very moment has no order against us.
        link = self._links.idle() if self._state.idle else None
        if link is None:
            return False
        try:
            self._deliver(link, parcels, deadline)
        except redis.RedisError as error:
            self.note_failure(error)
            return False
        with self._changed:
            self._state.note_sent(parcels)
        return True

    def _send_later(self, parcels: Sequence[Parcel], deadline: float) -> None:
        with self._changed:
            # Also the way of a first publish: the thread connects, and the caller waits for that within its time.
            self._state.hold(parcels)
            self._changed.notify_all()
            self._start()
            if not self._changed.wait_for(
                lambda: self._state.failing or not self._state.holds(parcels), deadline - time.monotonic()
            ):
                self._state.note_failure(redis.TimeoutError("Timeout sending to server"))

    def _deliver(self, link: Link, parcels: Sequence[Parcel], deadline: float) -> None:
        commands = [command for parcel in parcels for command in parcel.commands]
        with self._links.borrow(link):
            if commands:
                link.write(transaction(commands), deadline)
                link.read_transaction(commands, deadline)
            else:  # only to see whether it answers
                link.write([("TIME",)], deadline)
                link.read("TIME", deadline)

    def _start(self) -> None:
        self._closed = False
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, name="afterword-outbox", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no thread is to be had: the next publish tries again, or the end of the process
                self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._state.idle, LINGER_SECONDS)
                if self._state.idle:
                    # Under the lock, so that a publish from now on starts another thread.
                    self._thread = None
                    return
                batch = self._state.outbox.batch()
            self._attempt(batch)

    def _attempt(self, batch: Sequence[Parcel]) -> None:
        try:
            self._deliver(self._links.idle() or self._links.connect(), batch, time.monotonic() + send_seconds(batch))
        except redis.RedisError as error:
            self._pause(error)
            return
        with self._changed:
            self._state.note_answer()
            self._state.note_sent_later(batch)
            self._changed.notify_all()

    def _pause(self, error: redis.RedisError) -> None:
        with self._changed:
            # The outbox was dropped: this failure is no news, and must not hold up a client that is used again.
            if self._closed:
                return
            self._state.note_failure(error)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._hurried or self._state.idle, self._state.wait())
            if self._hurried:
                self._state.hurry()
            self._hurried = False
