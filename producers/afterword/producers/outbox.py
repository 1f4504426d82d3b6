"""Events that wait to be sent."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

BATCH_PARCELS = 256
BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Parcel:
    """One event, ready to go: the Redis commands that enqueue all its parts, and their size in bytes.

    Sending it twice leaves one message in Redis, or two with one `event_id`: both have their effect once.
    """

    event_id: str
    # Not the event's id: the same event may be published twice, and both parcels may wait.
    key: str
    commands: tuple[tuple[Any, ...], ...] = field(repr=False)
    size: int
    counts: Counter[str] = field(default_factory=Counter)
    """How publishing fared before this event, as the event tells it."""
    skipped: int = 0
    """The number of items among its messages that were no messages."""


class Outbox:
    """Parcels in the order they came, bounded by count and bytes; when full the oldest goes. Not thread-safe."""

    def __init__(self, max_parcels: int, max_bytes: int) -> None:
        self._max_parcels = max_parcels
        self._max_bytes = max_bytes
        self._parcels: OrderedDict[str, Parcel] = OrderedDict()
        self.size = 0
        self.dropped = 0
        self.untold: Counter[str] = Counter()
        """The counts that dropped parcels would have told."""

    def __len__(self) -> int:
        return len(self._parcels)

    def __contains__(self, parcel: Parcel) -> bool:
        return parcel.key in self._parcels

    def put(self, parcel: Parcel) -> int:
        """Take a parcel in. Returns how many were dropped for it: the parcel itself, when it could never fit."""
        if parcel.size > self._max_bytes:
            self._drop(parcel)
            return 1
        self._parcels[parcel.key] = parcel
        self.size += parcel.size
        gone = 0
        while len(self._parcels) > self._max_parcels or self.size > self._max_bytes:
            self._drop(self._take(next(iter(self._parcels))))
            gone += 1
        return gone

    def batch(self) -> list[Parcel]:
        """The oldest parcels, as many as fit in one transaction: at least one, if any waits."""
        # They stay in the outbox until they are settled: an attempt that fails loses nothing.
        chosen: list[Parcel] = []
        size = 0
        for parcel in self._parcels.values():
            size += parcel.size
            if chosen and (len(chosen) >= BATCH_PARCELS or size > BATCH_BYTES):
                break
            chosen.append(parcel)
        return chosen

    def settle(self, parcels: Iterable[Parcel]) -> None:
        """These have arrived. One that was dropped while it was under way was not lost after all."""
        for parcel in parcels:
            if parcel in self:
                self._take(parcel.key)
            else:
                self.dropped -= 1
                self.untold.subtract(parcel.counts)

    def take_all(self) -> list[Parcel]:
        """Hand over everything, in order: none of it is dropped."""
        return [self._take(key) for key in list(self._parcels)]

    def clear(self) -> int:
        """Drop everything. Returns how many were dropped."""
        gone = len(self._parcels)
        # One by one, so that a later event tells what these would have told.
        while self._parcels:
            self._drop(self._take(next(iter(self._parcels))))
        return gone

    def _take(self, key: str) -> Parcel:
        parcel = self._parcels.pop(key)
        self.size -= parcel.size
        return parcel

    def _drop(self, parcel: Parcel) -> None:
        self.dropped += 1
        self.untold.update(parcel.counts)
