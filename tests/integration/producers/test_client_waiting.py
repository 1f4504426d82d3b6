"""Waiting for a conversation, as tests do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, ConversationState, MemoryClient, MemoryUnavailable
from afterword.schemas import ErrorBody
from afterword.schemas.wire import Queue
from tests.support.fake_worker import FakeWorker

NOT_YET = ErrorBody(code="not_found", message="no conversation of this user and event was taken in")


def at(status: Any, *, searchable: bool = True) -> ConversationState:
    return ConversationState(event_id="e1", status=status, searchable=searchable, received_at=datetime.now(UTC))


def one_after_another(*answers: Any) -> Callable[[Any], Any]:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def wait(url: str, **how: Any) -> ConversationState:
    with MemoryClient(url) as client:
        return client.wait_for("e1", user_id="ada", **how)


async def wait_on_a_loop(url: str, **how: Any) -> ConversationState:
    async with AsyncMemoryClient(url) as client:
        return await client.wait_for("e1", user_id="ada", **how)


def wait_in_a_run(url: str, **how: Any) -> ConversationState:
    return asyncio.run(wait_on_a_loop(url, **how))


both_clients = pytest.mark.parametrize("waited", [wait, wait_in_a_run])


@both_clients
def test_it_waits_until_what_was_said_can_be_recalled(redis_url: str, waited: Any) -> None:
    answers = one_after_another(NOT_YET, at("received", searchable=False), at("stored"))
    with FakeWorker(redis_url, Queue.COMMANDS, answers) as worker:
        assert waited(redis_url).status == "stored"
        assert len(worker.requests) == 3


@both_clients
def test_it_waits_until_nothing_more_will_happen(redis_url: str, waited: Any) -> None:
    with FakeWorker(redis_url, Queue.COMMANDS, one_after_another(at("stored"), at("dead"))) as worker:
        assert waited(redis_url, until="finished").status == "dead"
        assert len(worker.requests) == 2


@both_clients
def test_one_that_is_not_there_in_time_says_how_far_it_is(redis_url: str, waited: Any) -> None:
    with (
        FakeWorker(redis_url, Queue.COMMANDS, lambda _: at("received", searchable=False)),
        pytest.raises(MemoryUnavailable, match=r"not searchable after 0\.3 s: it is received"),
    ):
        waited(redis_url, timeout=0.3)


@both_clients
def test_any_other_error_ends_the_wait(redis_url: str, waited: Any) -> None:
    denied = ErrorBody(code="denied", message="no")
    with FakeWorker(redis_url, Queue.COMMANDS, lambda _: denied), pytest.raises(CommandFailed, match="denied"):
        waited(redis_url)
