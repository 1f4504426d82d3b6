"""Limits at the door: so many publishes, contexts and commands a minute, of a tenant, an account, a user, an agent.

They are counted in Redis, for all gateways together, in a window that moves with time. A limit must not become an
outage: while Redis does not answer, everybody is let in, and that is told.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from afterword.gateway.callers import Caller
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.settings import GatewaySettings, LimitLevel
from afterword.schemas.errors import AfterwordError
from afterword.schemas.limits import LimitedKind

logger = logging.getLogger(__name__)

_PREFIX: Final = "afterword:limits"
_CONNECTIONS: Final = 64
_PAUSE: Final = 1.0
"""While Redis is away it is asked once in so many seconds, by one request."""


class OverLimit(AfterwordError):
    """There were too many of these in the last minute; `retry_after` says in how many seconds there is room again."""

    def __init__(self, kind: LimitedKind, level: LimitLevel, most: int, retry_after: int) -> None:
        super().__init__(f"too many {kind}: {most} a minute are allowed for this {level}")
        self.retry_after = retry_after


class _Counted(StrEnum):
    YES = "counted"
    OVER = "refused"
    AWAY = "unchecked"


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit that concerns a request: so many a minute of what the level and the owner name."""

    level: LimitLevel
    owner: str
    most: int


class DoorLimits:
    """Counts requests, and refuses those over a limit. Without limits it asks nobody."""

    def __init__(self, settings: GatewaySettings, redis_url: str, metrics: GatewayMetrics) -> None:
        self._settings = settings
        self._url = redis_url
        self._metrics = metrics
        self._away_until = 0.0
        self._opened: MovingWindowRateLimiter | None = None
        self._pool: ConnectionPool | None = None
        for kind in LimitedKind:
            for outcome in _Counted:
                metrics.limited.labels(kind, outcome)

    async def admit(self, kind: LimitedKind, caller: Caller, named: Mapping[str, Any]) -> None:
        """Count a request of this caller, about the `user_id` and `agent_id` named in it.

        The narrowest limit comes first: who is over their own does not use up that of their tenant.

        Raises: OverLimit.
        """
        for bound in self._bounds(kind, caller, named):
            item = RateLimitItemPerMinute(bound.most)
            counted = await self._count(item, f"{kind}:{bound.owner}")
            self._metrics.limited.labels(kind, counted).inc()
            if counted is _Counted.OVER:
                raise OverLimit(kind, bound.level, bound.most, await self._free_in(item, f"{kind}:{bound.owner}"))
            if counted is _Counted.AWAY:
                return

    async def close(self) -> None:
        """Hang up."""
        if self._pool is not None:
            await self._pool.disconnect()

    def _bounds(self, kind: LimitedKind, caller: Caller, named: Mapping[str, Any]) -> Iterator[Bound]:
        # Only a user whom the caller may name: nobody uses up the limit of somebody else by asking for what is theirs.
        user_id = (named.get("user_id") if caller.speaks_for_users else None) or caller.user_id
        owners = {
            LimitLevel.USER: user_id,
            LimitLevel.AGENT: named.get("agent_id"),
            LimitLevel.ACCOUNT: caller.account,
            LimitLevel.TENANT: caller.tenant_id,
        }
        for level, owner in owners.items():
            most = self._settings.most_a_minute(kind, level, tenant_id=caller.tenant_id, roles=caller.roles)
            if owner is not None and most:
                yield Bound(level, _hashed(level, caller.tenant_id, str(owner)), most)

    async def _count(self, item: RateLimitItemPerMinute, key: str) -> _Counted:
        if time.monotonic() < self._away_until:
            return _Counted.AWAY
        try:
            async with asyncio.timeout(self._settings.limits_seconds):
                there_was_room = await self._limiter().hit(item, key)
        # Whatever the client makes of an outage: the caller is let in.
        except (RedisError, OSError, TimeoutError) as error:
            if self._away_until == 0.0:
                logger.warning("limits are not checked while Redis does not answer: %s", type(error).__name__)
            self._away_until = time.monotonic() + _PAUSE
            self._metrics.limits_checked.set(0)
            return _Counted.AWAY
        if self._away_until:
            logger.warning("limits are checked again")
        self._away_until = 0.0
        self._metrics.limits_checked.set(1)
        return _Counted.YES if there_was_room else _Counted.OVER

    async def _free_in(self, item: RateLimitItemPerMinute, key: str) -> int:
        """Seconds until there is room for one more; a minute at most."""
        try:
            async with asyncio.timeout(self._settings.limits_seconds):
                window = await self._limiter().get_window_stats(item, key)
        except (RedisError, OSError, TimeoutError):
            return 1
        return min(max(math.ceil(window.reset_time - time.time()), 1), 60)

    def _limiter(self) -> MovingWindowRateLimiter:
        # On first use: the connections belong to the loop that serves.
        if self._opened is None:
            # Ours, so that it can be closed. The address that the library is given besides is not used.
            seconds = self._settings.limits_seconds
            timeouts = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
            self._pool = ConnectionPool.from_url(self._url, max_connections=_CONNECTIONS, **timeouts)
            options: dict[str, Any] = {"connection_pool": self._pool, "key_prefix": _PREFIX}
            self._opened = MovingWindowRateLimiter(
                RedisStorage("redis://localhost:6379", implementation="redispy", **options)
            )
        return self._opened


def _hashed(level: LimitLevel, tenant_id: str, owner: str) -> str:
    # No ids in keys: whoever may list the keys of Redis must not read from them who is there.
    return hashlib.sha256(f"{level}\n{tenant_id}\n{owner}".encode()).hexdigest()[:24]
