"""How publishing fares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """A snapshot, counted in events since the client was made (in this process).

    `sent` were acknowledged by Redis, `queued` wait in the outbox (`queued_bytes` large), `dropped` had to go
    because it was full or the client closed, `invalid` were refused. `redis_available` is how Redis last fared.
    """

    sent: int
    queued: int
    queued_bytes: int
    dropped: int
    invalid: int
    redis_available: bool
