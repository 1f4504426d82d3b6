"""How publishing fared for clients, through Redis, as the workers count it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas import ConversationFinished, InvalidEvent
from afterword.workers.embedded.redis_server import RedisServer
from tests.support.conversations import conversation
from tests.support.fake_worker import drain
from tests.support.ports import quiet_port
from tests.support.workshop import Workshop


def ingested(workshop: Workshop, url: str, *, times: int = 1) -> dict[str, float]:
    """The counts after all that is queued was taken in, as often as it is delivered."""
    events = [ConversationFinished.parse(body) for body in drain(url)]
    workshop.take_in(*(each for each in events for _ in range(times)))
    names = ("sent", "dropped", "invalid")
    registry = workshop.house.metrics.registry
    found = {name: registry.get_sample_value("afterword_publishes_total", {"outcome": name}) for name in names}
    return {name: value for name, value in found.items() if value}


def test_each_event_tells_of_those_before_it(workshop: Workshop, redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        client.publish(conversation("e1"))
        with pytest.raises(InvalidEvent):
            client.publish(user_id="ada", messages=[])
        client.publish(conversation("e2"))
        client.publish_many([{"user_id": ""}, conversation("e3"), conversation("e4")])
        client.publish(conversation("e5"))
    assert ingested(workshop, redis_url, times=2) == {"sent": 4, "invalid": 2}


def test_an_event_loop_s_client_tells_the_same(workshop: Workshop, redis_url: str) -> None:
    async def publish() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            await client.publish(conversation("e1"))
            with pytest.raises(InvalidEvent):
                await client.publish(user_id="ada", messages=[])
            await client.publish_many([{"user_id": ""}, conversation("e2"), conversation("e3")])
            await client.publish(conversation("e4"))

    asyncio.run(publish())
    assert ingested(workshop, redis_url, times=2) == {"sent": 3, "invalid": 2}


def test_an_outage_is_told_when_it_is_over(workshop: Workshop, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", quiet_port())
    server.start()
    with MemoryClient(server.url, settings=ClientSettings(outbox_messages=3)) as client:
        client.publish(conversation("before"))
        server.stop()
        for number in range(5):
            client.publish(conversation(f"e{number}"))
        assert client.stats.dropped == 2
        server.start()
        assert client.flush(30)
        client.publish(conversation("after"))
    assert ingested(workshop, server.url) == {"sent": 4, "dropped": 2}
    server.kill()
