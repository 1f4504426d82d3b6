"""How publishing fares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """A snapshot, counted in events since the client was made (in this process).

    `sent` were acknowledged by Redis, `queued` wait in the outbox (`queued_bytes` large), `dropped` had to go
    because it was full or the client closed, `invalid` were refused. `skipped` counts items of events that stood among
    the messages and were none, such as calls of tools. `redis_available` says whether Redis answered when last used.
    """

    sent: int
    queued: int
    queued_bytes: int
    dropped: int
    invalid: int
    redis_available: bool
    skipped: int = 0


def total(parts: Sequence[Stats]) -> Stats:
    """The sum of several stats. Redis is available when it is available to all of them."""
    return Stats(
        sent=sum(each.sent for each in parts),
        queued=sum(each.queued for each in parts),
        queued_bytes=sum(each.queued_bytes for each in parts),
        dropped=sum(each.dropped for each in parts),
        invalid=sum(each.invalid for each in parts),
        redis_available=all(each.redis_available for each in parts),
        skipped=sum(each.skipped for each in parts),
    )
