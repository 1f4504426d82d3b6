"""A run of an agent with memories before and its conversation published after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessage

from afterword.producers import AsyncMemoryClient, ClientSettings, InvalidEvent, MemoryClient
from afterword.schemas import ContextReply
from afterword.schemas.fence import BEGIN
from afterword.schemas.wire import Queue
from afterword.workers.embedded.redis_server import free_port
from tests.support.fake_worker import FakeWorker, drain

TURNS: list[Any] = [
    {"role": "system", "content": "Never publish me."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "Where was I?"},
]
RUN: dict[str, Any] = {"user_id": "ada", "agent_id": "planner", "session_id": "s", "messages": TURNS}


class Broke(Exception):
    """The agent's own failure."""


def answer(_: object) -> ContextReply:
    return ContextReply(text="is in Lyon")


def published(url: str) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    [body] = drain(url)
    return [(turn["role"], turn["content"]) for turn in body["messages"]], body


def test_a_run_has_its_memories_before_and_is_published_after(redis_url: str) -> None:
    with (
        FakeWorker(redis_url, Queue.CONTEXT, answer) as worker,
        MemoryClient(redis_url) as client,
        client.remembered(**RUN, system_prompt="Be kind.", event_id="run-1", timeout=5, limit=3) as run,
    ):
        assert run.system_prompt.startswith("Be kind.\n\n" + BEGIN)
        assert "is in Lyon" in run.system_prompt
        assert run.messages[0] == {"role": "system", "content": run.system_prompt}
        assert run.context.text == "is in Lyon"
        run.said("In Lyon.")
    request: Any = worker.requests[0]
    assert (request.query, request.agent_id, request.limit) == ("Where was I?", "planner", 3)
    turns, body = published(redis_url)
    assert turns == [("user", "Hello"), ("assistant", "Hi"), ("user", "Where was I?"), ("assistant", "In Lyon.")]
    assert (body["event_id"], body["session_id"], body["metadata"]) == ("run-1", "s", {})


def test_a_run_that_fails_is_published_as_far_as_it_came(redis_url: str) -> None:
    def words() -> Iterator[str]:
        yield from ("In ", "Ly")
        raise Broke

    with MemoryClient(redis_url) as client, pytest.raises(Broke), client.remembered(**RUN, timeout=0.05) as run:
        list(run.stream(words()))
    turns, body = published(redis_url)
    assert turns[-1] == ("assistant", "In Ly")
    assert body["metadata"] == {"interrupted": True}


def test_a_run_needs_no_redis() -> None:
    client = MemoryClient(f"redis://127.0.0.1:{free_port()}/0")
    with client.remembered(**RUN) as run:
        run.said("Hello")
        assert run.context.degraded == ("redis",)
    assert client.stats.queued == 1
    client.close(timeout=0)


def test_an_invalid_run_does_not_begin(redis_url: str) -> None:
    with (
        MemoryClient(redis_url) as client,
        pytest.raises(InvalidEvent),
        client.remembered(user_id="", messages=TURNS),
    ):
        pytest.fail("the run began")
    assert drain(redis_url) == []


async def chunks(*words: str) -> AsyncIterator[str]:
    for word in words:
        yield word


def test_a_run_awaited_and_streamed(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client, client.remembered(**RUN, timeout=5) as run:
            assert "is in Lyon" in run.messages[0]["content"]
            assert [chunk async for chunk in run.stream(chunks("In ", "Lyon."))] == ["In ", "Lyon."]

    with FakeWorker(redis_url, Queue.CONTEXT, answer):
        asyncio.run(use())
    turns, body = published(redis_url)
    assert turns[-1] == ("assistant", "In Lyon.")
    assert body["metadata"] == {}


def test_a_cancelled_run_is_published_as_far_as_it_came(redis_url: str) -> None:
    async def agent(client: AsyncMemoryClient, streaming: asyncio.Event) -> None:
        async with client.remembered(**RUN, timeout=0.05) as run:
            run.append("In Ly")
            streaming.set()
            await asyncio.Event().wait()

    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            streaming = asyncio.Event()
            task = asyncio.create_task(agent(client, streaming))
            await streaming.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(use())
    turns, body = published(redis_url)
    assert turns[-1] == ("assistant", "In Ly")
    assert body["metadata"] == {"interrupted": True}


def openai_chunks(*contents: str | None) -> Iterator[ChatCompletionChunk]:
    for content in contents:
        yield ChatCompletionChunk.model_validate(
            {
                "id": "c",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}],
            }
        )


def test_a_stream_of_an_sdks_chunks_is_given_on_as_it_is(redis_url: str) -> None:
    given = list(openai_chunks("In ", None, "Lyon.", None))
    with MemoryClient(redis_url) as client, client.remembered(**RUN, timeout=0.05) as run:
        assert list(run.stream(given)) == given
    assert published(redis_url)[0][-1] == ("assistant", "In Lyon.")


@pytest.mark.parametrize("odd", [None, 5, object(), [], {}, {"choices": []}, b"\xff", [None], {"role": "assistant"}])
def test_nothing_that_a_model_gives_raises_in_a_run(redis_url: str, odd: Any) -> None:
    with MemoryClient(redis_url) as client, client.remembered(**RUN, timeout=0.05) as run:
        run.said(odd)
        run.append(odd)
        assert list(run.stream([odd, "In Lyon."])) == [odd, "In Lyon."]
    assert published(redis_url)[0][-1][1].endswith("In Lyon.")


def test_messages_of_a_framework_go_to_the_llm_as_they_are(redis_url: str) -> None:
    answered = ChatCompletionMessage(role="assistant", content="Hi")
    turns: list[Any] = [{"role": "user", "content": "Hello"}, answered, None, {"role": "user", "content": "Where?"}]
    with MemoryClient(redis_url) as client:
        with client.remembered(user_id="ada", messages=turns, timeout=0.05) as run:
            assert run.messages == turns
            run.said(ChatCompletionMessage(role="assistant", content="In Lyon."))
        assert client.stats.skipped == 1
    assert [text for _, text in published(redis_url)[0]] == ["Hello", "Hi", "Where?", "In Lyon."]


def test_what_cannot_be_published_after_a_run_is_logged(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "afterword.producers")
    with MemoryClient(redis_url, settings=ClientSettings(max_bytes=4096)) as client:
        with client.remembered(**RUN, metadata={"note": "x" * 250}, timeout=0.05) as run:
            # What is left beside ids and metadata is too little for any word of it.
            run._event = run._event and run._event.model_copy(update={"metadata": {"note": "x" * 4096}})
            run.said("In Lyon.")
        assert client.stats.invalid == 1
    assert "invalid, and not sent" in caplog.text


def test_a_question_with_half_an_emoji_is_asked(redis_url: str) -> None:
    with FakeWorker(redis_url, Queue.CONTEXT, answer) as worker, MemoryClient(redis_url) as client:
        assert client.context("ada", query="so \ud83d", timeout=5).text == "is in Lyon"
    request: Any = worker.requests[0]
    assert request.query == "so ?"
