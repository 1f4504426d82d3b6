from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import ConversationFinished, InvalidEvent, Message, split

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: text * 30)
messages = st.builds(
    Message,
    role=st.sampled_from(["user", "assistant", "system"]),
    content=texts.map(lambda text: f"said: {text}"),
    id=st.none() | st.text("abc", min_size=1, max_size=5),
    name=st.none() | st.just("Ada"),
)
events = st.lists(messages, min_size=1, max_size=30).map(lambda said: event(*said))


def event(*said: Message) -> ConversationFinished:
    return ConversationFinished(
        event_id="e", occurred_at=NOON, user_id="ada", session_id="s", messages=said, metadata={"channel": "web"}
    )


def size(part: ConversationFinished) -> int:
    return len(part.model_dump_json().encode())


@given(events, st.integers(1, 10), st.integers(1000, 4000))
def test_no_text_is_lost_and_every_part_is_within_both_limits(
    whole: ConversationFinished, max_messages: int, max_bytes: int
) -> None:
    parts = split(whole, max_messages=max_messages, max_bytes=max_bytes)

    def told(of: ConversationFinished) -> str:
        return "".join(message.text for message in of.messages)

    assert "".join(told(part) for part in parts) == told(whole)
    assert all(len(part.messages) <= max_messages and size(part) <= max_bytes for part in parts)
    assert [(part.part, part.parts) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    bare = {"messages", "part", "parts"}
    assert all(part.model_dump(exclude=bare) == whole.model_dump(exclude=bare) for part in parts)


@given(events)
def test_a_small_event_is_itself(whole: ConversationFinished) -> None:
    assert split(whole) == [whole]
    assert split(whole)[0] is whole


@given(events, st.integers(1, 10))
def test_messages_that_fit_are_kept_whole(whole: ConversationFinished, max_messages: int) -> None:
    parts = split(whole, max_messages=max_messages)
    assert [message for part in parts for message in part.messages] == list(whole.messages)


def test_an_exact_fit_is_not_split() -> None:
    whole = event(*[Message(role="user", content="x")] * 3)
    assert len(split(whole, max_messages=3, max_bytes=size(whole))) == 1
    assert len(split(whole, max_messages=2)) == 2


def test_pieces_of_one_message_have_ids_role_and_time_of_it() -> None:
    long = Message(role="assistant", content="word " * 1000, id="m", name="Ada", created_at=NOON)
    pieces = [message for part in split(event(long), max_bytes=2000) for message in part.messages]
    assert len(pieces) > 2
    assert [piece.id for piece in pieces] == [f"m#{number}" for number in range(1, len(pieces) + 1)]
    assert {(piece.role, piece.name, piece.created_at) for piece in pieces} == {("assistant", "Ada", NOON)}
    assert not any(piece.text[:1].isalpha() and not piece.text.startswith("word") for piece in pieces)


def test_the_words_of_an_oversize_message_of_parts_are_kept() -> None:
    image = {"type": "image_url", "image_url": {"url": "x" * 5000}}
    mixed = Message(role="user", content=[{"type": "text", "text": "look"}, image])
    (part,) = split(event(mixed), max_bytes=2000)
    assert [message.text for message in part.messages] == ["look"]
    assert size(part) <= 2000


def test_an_event_whose_rest_leaves_no_room_is_refused() -> None:
    whole = event(Message(role="user", content="x")).model_copy(update={"metadata": {"page": "x" * 5000}})
    with pytest.raises(InvalidEvent, match="shorten ids and metadata"):
        split(whole, max_bytes=4096)


def test_the_parts_read_back_as_they_were() -> None:
    for part in split(event(*[Message(role="user", content="[1, 2] " * 200)] * 5), max_bytes=1500):
        assert ConversationFinished.model_validate_json(part.model_dump_json()) == part
