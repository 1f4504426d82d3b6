"""How long `publish` keeps an agent waiting, beside bare Redis round trips through redis-py."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import redis

from afterword.producers import ConversationFinished, MemoryClient
from afterword.schemas.wire import Queue, encode_message
from afterword.workers.embedded.redis_server import RedisServer
from ops.bench.findings import Comparison, Findings, latency
from ops.bench.samples import Samples
from ops.bench.sampling import Timed, back_to_back
from ops.bench.servers import Place

AIM_TIMES = 2.5
_DIFFERENT = 200


def measure(place: Place, quick: bool) -> Findings:
    """Publish, PING and a bare MULTI of the same bytes, in turn."""
    server = RedisServer(place.folder / "redis")
    server.start()
    try:
        with MemoryClient(server.url) as client, redis.Redis.from_url(server.url, protocol=2) as bare:
            return _measured(client, bare, calls=100 if quick else 5_000)
    finally:
        server.stop()


def _measured(client: MemoryClient, bare: redis.Redis, calls: int) -> Findings:
    conversations = cycle(list(Samples().conversations(_DIFFERENT, users=20)))
    encoded = cycle([_encoded(next(conversations)) for _ in range(_DIFFERENT)])
    publish = Timed(lambda: client.publish(**next(conversations)))
    ping = Timed(bare.ping)
    multi = Timed(lambda: _bare_enqueue(bare, next(encoded)))
    back_to_back([publish, ping, multi], calls)
    rows = [
        latency("publish, six turns", publish.seconds),
        latency("PING", ping.seconds),
        latency("MULTI of four commands, the same bytes", multi.seconds),
    ]
    ours, round_trip, bare_multi = (row.figures["p50"] for row in rows)
    return Findings(
        rows,
        [
            Comparison("publish p50 / bare MULTI p50", ours / bare_multi, "times", AIM_TIMES),
            Comparison("publish p50 / PING p50", ours / round_trip, "round trips"),
        ],
    )


def _encoded(fields: dict[str, Any]) -> bytes:
    event = ConversationFinished.parse(fields)
    return encode_message(Queue.CONVERSATIONS, event, now_ms=0, message_id=event.event_id)


def _bare_enqueue(client: redis.Redis, encoded: bytes) -> None:
    with client.pipeline() as pipe:
        pipe.hset("bare:messages", "0" * 36, encoded)
        pipe.rpush("bare:queue", "0" * 36)
        pipe.lpush("bare:bell", 1)
        pipe.ltrim("bare:bell", 0, 0)
        pipe.execute()
