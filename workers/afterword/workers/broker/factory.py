"""Builds the broker of a worker, on connections of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis
from dramatiq.middleware import CurrentMessage, Middleware
from redis.backoff import NoBackoff
from redis.retry import Retry

from afterword.workers.broker.broker import MendedBroker
from afterword.workers.broker.middleware import LogContext, Retries
from afterword.workers.broker.transport import Pace


def build_broker(
    redis_url: str,
    *,
    middleware: Sequence[Middleware] = (),
    gate: Callable[[], bool] | None = None,
    pace: Pace | None = None,
) -> MendedBroker:
    """A broker on its own connections. Nothing is sent before it is used.

    >>> broker = build_broker("redis://localhost:6379", pace=Pace(poll=0.1))
    >>> broker.declare_queue("conversations")

    Args:
        middleware: runs besides the log context, the retries and the current message.
        gate: asked before each fetch, must be quick and not raise; while it says False nothing is taken.
        pace: how often the broker looks at its queues.
    """
    pace = pace or Pace()
    client = redis.Redis.from_url(
        redis_url,
        protocol=2,  # no HELLO and no maintenance notifications to set up with each connection
        socket_connect_timeout=pace.reply,
        socket_timeout=min(pace.poll, pace.maintenance) + pace.reply,
        retry=Retry(NoBackoff(), 0),  # a repeated fetch would strand what the first one took
    )
    return MendedBroker(
        client,
        middleware=[LogContext(), Retries(), CurrentMessage(), *middleware],
        pace=pace,
        gate=gate or (lambda: True),
    )
