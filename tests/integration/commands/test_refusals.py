"""A request that the contract does not allow is refused; nothing that it holds breaks its actor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from afterword.schemas import ContextReply, ContextRequest, Reply
from afterword.schemas.wire import REPLY_PREFIX
from afterword.workers.actors.requests import Responder
from afterword.workers.broker import build_broker

LIST = f"{REPLY_PREFIX}1"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


@pytest.fixture
def responder(redis_url: str) -> Responder:
    broker = build_broker(redis_url)
    return Responder(broker.client, broker.clock)


def refused(responder: Responder, body: dict[str, Any]) -> bool:
    def run(_: ContextRequest) -> ContextReply:
        raise AssertionError("it cannot be read")

    asked_ms = 1_780_000_000_000
    return responder.answer({"user_id": "ada", **body}, ContextRequest.parse, run, asked_ms=asked_ms) == "invalid"


@pytest.mark.parametrize("deadline", [10**400, -(10**400), 2**53, -1, 1e308, float("nan"), "soon", []])
def test_a_deadline_of_any_size(responder: Responder, deadline: object) -> None:
    assert refused(responder, {"reply_to": LIST, "deadline_ms": deadline})


@pytest.mark.parametrize("body", [{"request_id": "\ud800"}, {"request_id": ["r" * 100_000]}, {"shares": {"\ud800": 1}}])
def test_the_refusal_reaches_its_asker(responder: Responder, client: redis.Redis, body: dict[str, Any]) -> None:
    assert refused(responder, {"reply_to": LIST, "limit": -1, **body})
    sent: Any = client.lpop(LIST)
    reply = Reply.model_validate_json(sent)
    assert reply.error is not None
    assert (reply.error.code, len(sent) < 1000) == ("invalid", True)


@pytest.mark.parametrize("name", [f"{REPLY_PREFIX}\ud800", "afterword:conversations", 5])
def test_a_list_that_is_none_gets_nothing(responder: Responder, client: redis.Redis, name: object) -> None:
    assert refused(responder, {"reply_to": name})
    assert client.keys("afterword:*") == []
