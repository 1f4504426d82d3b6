"""Messages of any shape: only our own errors are raised, and what is read can be sent and read again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.producers.context import Context
from afterword.producers.runs import AsyncRun, Opening, Run
from afterword.schemas import ConversationFinished, InvalidInput, UnsupportedVersion
from afterword.schemas.chunks import answer_texts, chunk_text
from afterword.schemas.reading import read_messages
from afterword.schemas.spoken import spoken
from tests.support.fuzzing import HUGE, Elementwise, Raises, fuzzed, json_values, object_values, scalars, texts

KEYS = [
    *(
        "role",
        "type",
        "content",
        "parts",
        "text",
        "message",
        "data",
        "kwargs",
        "lc",
        "id",
        "choices",
        "delta",
        "object",
    ),
    *("output", "kind", "part_kind", "name", "created_at", "timestamp", "author", "source", "value", "tool_calls"),
    *("blocks", "items", "candidates", "contentBlockDelta", "event_kind", "content_delta", "thought", "speaker"),
]
WORDS = [
    *("user", "assistant", "AI", "system", "tool", "request", "response", "text", "output_text", "user-prompt"),
    *("raw_response_event", "response.output_text.delta", "text_delta", "thinking", "function_call", "image"),
    *("<think>", "</think>", "<tool_call>", "<memories>", "data:image/png;base64,AAAA", '"words"', '"\\ud800"'),
    *('{"speaker": "Mary", "content": "Hi"}', '[{"type": "text", "text": "Hi"}]', '[{"type": ["text"]}]', "[1, 2]"),
    '{"speaker": "Mary", "content": "{\\"speaker\\": \\"Bob\\", \\"content\\": \\"Hi\\"}"}',
]
FIELDS = [
    "version",
    "event_id",
    "occurred_at",
    "time_zone",
    "tenant_id",
    "agent_id",
    "session_id",
    "run_id",
    "metadata",
]
FIELDS += ["part", "parts", "skipped", "publishes", "user_id", "messages"]

json_like = json_values(KEYS, WORDS)
object_like = object_values(KEYS, WORDS)


def turns(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values, and messages that are nearly right."""
    near = st.fixed_dictionaries(
        {"role": st.one_of(st.sampled_from(["user", "assistant"]), values), "content": st.one_of(texts(WORDS), values)},
        optional={"name": values, "id": values, "created_at": values},
    )
    return st.one_of(values, near)


def of(messages: Any, **fields: Any) -> dict[str, Any]:
    return {"user_id": "ann", "messages": messages, **fields}


def parsed(body: Any) -> ConversationFinished | None:
    try:
        return ConversationFinished.parse(body)
    except (InvalidInput, UnsupportedVersion) as error:
        str(error).encode()
        return None


def assert_reads_the_same_again(event: ConversationFinished) -> None:
    encoded = event.model_dump_json(exclude_none=True).encode()
    assert ConversationFinished.parse(json.loads(encoded)) == event


@fuzzed(150)
@given(st.lists(turns(json_like), max_size=5))
def test_each_item_of_a_list_is_read_or_counted(items: list[Any]) -> None:
    messages, skipped = read_messages(items)
    alone = [read_messages([item]) for item in items]
    assert (len(messages), skipped) == (sum(len(found) for found, _ in alone), sum(count for _, count in alone))
    assert all(bool(found) != bool(count) for found, count in alone)
    event = parsed(of(items))
    # What is no message costs itself alone.
    assert (event is not None) == bool(messages)
    if event is not None:
        assert (len(event.messages), event.skipped) == (len(messages), skipped)
        assert_reads_the_same_again(event)


@fuzzed(150)
@given(st.one_of(turns(object_like), st.lists(turns(object_like), max_size=4)))
def test_objects_of_libraries_are_read_or_refused(messages: Any) -> None:
    event = parsed(of(messages))
    if event is not None:
        assert_reads_the_same_again(event)
        for each in event.messages:
            said = spoken(each.text, each.role)
            said.encode()
            assert len(said) <= len(each.text)


@fuzzed(150)
@given(st.one_of(scalars(), st.dictionaries(st.sampled_from(FIELDS), st.one_of(json_like, st.lists(turns(json_like))))))
def test_any_body_is_an_event_or_refused(body: Any) -> None:
    event = parsed(body)
    if event is not None:
        assert_reads_the_same_again(event)


@fuzzed(150)
@given(object_like)
def test_the_words_of_any_chunk_and_any_answer_can_be_sent(given_by_an_sdk: Any) -> None:
    chunk_text(given_by_an_sdk).encode()
    for text in answer_texts(given_by_an_sdk):
        text.encode()


@fuzzed(80)
@given(st.lists(object_like, max_size=5), st.lists(object_like, max_size=3))
def test_nothing_raises_in_a_run(chunks: list[Any], answers: list[Any]) -> None:
    async def streamed() -> AsyncIterator[Any]:
        for chunk in chunks:
            yield chunk

    async def passed_on(run: AsyncRun) -> list[Any]:
        return [chunk async for chunk in run.stream(streamed())]

    opening = Opening(ConversationFinished.parse(of([{"role": "user", "content": "Hi"}])), (), "")
    run, async_run = Run(opening, Context()), AsyncRun(opening, Context())
    assert list(map(id, run.stream(chunks))) == list(map(id, chunks))
    assert list(map(id, asyncio.run(passed_on(async_run)))) == list(map(id, chunks))
    for each in (run, async_run):
        for answer in answers:
            each.said(answer)
            each.append(answer)
        event = each.outcome(interrupted=False)
        assert event is not None
        assert_reads_the_same_again(event)


def wrapped(name: str, inner: Any, depth: int = 5000) -> Any:
    """Something within itself, so often."""
    for _ in range(depth):
        inner = [inner] if name == "[]" else (inner,) if name == "()" else {name: inner, "type": "raw_response_event"}
    return inner


@pytest.mark.parametrize("name", ["[]", "()", "message", "parts", "content", "data", "delta", "output", "choices"])
def test_no_depth_is_too_deep(name: str) -> None:
    deep = wrapped(name, {"role": "user", "content": "Hi"})
    chunk_text(deep), answer_texts(deep)
    event = parsed(of([deep, {"role": "user", "content": deep}, {"role": "user", "content": "Hello"}]))
    assert event is not None
    assert event.messages[-1].text == "Hello"


def test_what_holds_itself_is_no_message() -> None:
    message = SimpleNamespace()
    message.message = message
    assert read_messages([message]) == ([], 1)


@pytest.mark.parametrize("field", ["type", "kind", "role", "part_kind", "block_type", "author", "source", "name", "id"])
@pytest.mark.parametrize(
    "odd", [["text"], {}, Elementwise(), Raises(), "\ud800", HUGE], ids=lambda odd: type(odd).__name__
)
def test_an_odd_field_of_a_message_or_a_part_costs_itself_alone(field: str, odd: Any) -> None:
    part = {"text": "part", field: odd}
    event = parsed(
        of(
            [
                {"role": "user", "content": [part, {"type": "text", "text": "Hi"}]},
                {"role": "user", "content": "Hello", **({field: odd} if field != "role" else {})},
                {
                    "kind": "request",
                    "parts": [{"part_kind": "user-prompt", "content": "Ask"}, {field: odd, "content": "x"}],
                },
            ]
        )
    )
    assert event is not None
    assert [message.text.splitlines()[-1] for message in event.messages] == ["Hi", "Hello", "Ask"]
    assert_reads_the_same_again(event)


@pytest.mark.parametrize("field", FIELDS)
def test_a_number_of_any_length_is_refused_as_any_other(field: str) -> None:
    event = parsed(of([{"role": "user", "content": "Hi"}]) | {field: HUGE})
    assert event is None or field in ("time_zone", "publishes")
