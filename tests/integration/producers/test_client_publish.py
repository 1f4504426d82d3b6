"""Publishing to a Redis that answers."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
import redis

from afterword.producers import ClientSettings, InvalidEvent, MemoryClient, UnsupportedVersion
from afterword.schemas.wire import Queue, bell_key, messages_key, queue_key
from tests.support.conversations import conversation
from tests.support.fake_worker import drain


def event_ids(url: str) -> list[str]:
    return [body["event_id"] for body in drain(url)]


def test_an_event_lies_in_its_queue_and_rings(redis_url: str) -> None:
    with MemoryClient(redis_url, tenant_id="acme") as client:
        assert client.publish(conversation("e1")) == "e1"
        assert client.stats.sent == 1
    [body] = drain(redis_url)
    assert (body["event_id"], body["tenant_id"], body["user_id"]) == ("e1", "acme", "ada")
    with redis.Redis.from_url(redis_url) as server:
        assert server.llen(bell_key(Queue.CONVERSATIONS)) == 1
        [message_id] = server.lrange(queue_key(Queue.CONVERSATIONS), 0, -1)
        assert server.hexists(messages_key(Queue.CONVERSATIONS), message_id)


def test_a_publish_is_one_round_trip(redis_url: str) -> None:
    def reads(server: redis.Redis) -> int:
        stats: Any = server.info("stats")
        return int(stats["total_reads_processed"])

    with MemoryClient(redis_url) as client, redis.Redis.from_url(redis_url) as server:
        client.publish(conversation("the one that connects"))
        rounds = []
        for number in range(3):
            before = reads(server)
            client.publish(conversation(f"e{number}"))
            rounds.append(reads(server) - before - 1)  # the asking is a read too
    assert min(rounds) == 1


def test_many_are_published_with_a_result_each(redis_url: str) -> None:
    given = [conversation(f"e{number}") for number in range(600)]
    given[3] = {"user_id": "ada", "messages": []}
    given[5] = conversation("newer", version=2)
    with MemoryClient(redis_url) as client:
        results = client.publish_many(given)
        stats = client.stats
    assert isinstance(results[3].error, InvalidEvent)
    assert isinstance(results[5].error, UnsupportedVersion)
    arrived = [result.event_id for result in results if result.error is None]
    assert arrived == [f"e{number}" for number in range(600) if number not in (3, 5)] == event_ids(redis_url)
    assert (stats.sent, stats.invalid) == (598, 2)


def test_an_invalid_event_raises_and_sends_nothing(redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        with pytest.raises(InvalidEvent, match="user_id"):
            client.publish(messages=[{"role": "user", "content": "Hello"}])
        assert client.stats.invalid == 1
    assert drain(redis_url) == []


def test_an_invalid_event_is_logged_without_its_text(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "afterword.producers")
    with MemoryClient(redis_url, settings=ClientSettings(on_invalid="log")) as client:
        assert client.publish(user_id="ada", messages=[{"role": "my secret", "content": "secret"}]) is None
        assert client.publish(user_id="ada", messages="my secret") is None
        assert client.stats.invalid == 2
    assert "messages" in caplog.text
    assert "secret" not in caplog.text
    assert drain(redis_url) == []


def test_an_oversize_event_arrives_in_parts(redis_url: str) -> None:
    with MemoryClient(redis_url, settings=ClientSettings(max_messages=2)) as client:
        client.publish(conversation("e1", messages=[{"role": "user", "content": str(n)} for n in range(5)]))
        assert client.stats.sent == 1
    assert [(body["event_id"], body["part"], body["parts"]) for body in drain(redis_url)] == [
        ("e1", 1, 3),
        ("e1", 2, 3),
        ("e1", 3, 3),
    ]


def test_threads_share_a_client_and_each_keeps_its_order(redis_url: str) -> None:
    def publish(user: str) -> None:
        for number in range(40):
            client.publish(conversation(f"{user}-{number}", user_id=user))

    users = [f"user{number}" for number in range(6)]
    with MemoryClient(redis_url) as client:
        threads = [threading.Thread(target=publish, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush()
    bodies = drain(redis_url)
    for user in users:
        assert [b["event_id"] for b in bodies if b["user_id"] == user] == [f"{user}-{n}" for n in range(40)]


def test_a_closed_client_may_be_used_again(redis_url: str) -> None:
    client = MemoryClient(redis_url)
    client.publish(conversation("e1"))
    client.close()
    client.publish(conversation("e2"))
    client.close()
    assert event_ids(redis_url) == ["e1", "e2"]
