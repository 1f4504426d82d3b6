"""How publishing fares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """A snapshot, counted in events since the client was made (in this process).

    `sent` were acknowledged by Redis, `queued` wait in the outbox (`queued_bytes` large), `dropped` had to go
    because it was full or the client closed, `invalid` were refused. `skipped` counts what stood among the messages of
    events and was none, such as calls of tools. `redis_available` is how Redis last fared.
    """

    sent: int
    queued: int
    queued_bytes: int
    dropped: int
    invalid: int
    redis_available: bool
    skipped: int = 0


def total(parts: Sequence[Stats]) -> Stats:
    """Those of several deliveries as one. Redis is available when it is to all of them."""
    return Stats(
        sent=sum(each.sent for each in parts),
        queued=sum(each.queued for each in parts),
        queued_bytes=sum(each.queued_bytes for each in parts),
        dropped=sum(each.dropped for each in parts),
        invalid=sum(each.invalid for each in parts),
        redis_available=all(each.redis_available for each in parts),
        skipped=sum(each.skipped for each in parts),
    )
