from __future__ import annotations

import json
from typing import Any

import pytest
from dramatiq import Message as DramatiqMessage

from afterword.producers import ClientSettings, ConversationFinished, InvalidEvent, UnsupportedVersion
from afterword.producers.outbox import Parcel
from afterword.producers.parcels import GivenConversation, conversation_of, parcel_of
from afterword.schemas.wire import ACTORS, Queue, messages_key

TURNS = [{"role": "user", "content": "I moved to Lyon"}, {"role": "assistant", "content": "How is it?"}]


def event_of(given: GivenConversation | None = None, tenant: str = "default", **fields: Any) -> ConversationFinished:
    return conversation_of(given, fields, tenant)


def bodies(parcel: Parcel) -> list[Any]:
    stored = [command for command in parcel.commands if command[0] == "HSET"]
    assert {command[1] for command in stored} == {messages_key(Queue.CONVERSATIONS)}
    return [json.loads(command[3])["args"][0] for command in stored]


def test_an_event_is_given_as_itself_as_a_mapping_or_as_fields() -> None:
    mapping: Any = {"event_id": "e", "user_id": "u", "messages": TURNS, "occurred_at": "2026-05-01T12:00:00Z"}
    event = ConversationFinished.parse(mapping)
    assert event_of(event) == event_of(mapping) == event_of(None, **mapping) == event
    assert event_of(event, session_id="s") == event.model_copy(update={"session_id": "s"})


def test_an_event_is_the_clients_tenants() -> None:
    plain = ConversationFinished.parse({"user_id": "u", "messages": TURNS})
    adopted = event_of(plain, tenant="acme")
    assert (adopted.tenant_id, adopted.event_id, adopted.occurred_at) == ("acme", plain.event_id, plain.occurred_at)
    with pytest.raises(InvalidEvent, match="for_tenant"):
        event_of({"user_id": "u", "messages": TURNS, "tenant_id": "own"}, tenant="acme")
    with pytest.raises(InvalidEvent, match="for_tenant"):
        event_of(adopted, tenant="own")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": TURNS}, "user_id"),
        ({"user_id": "u", "messages": []}, "messages"),
        ({"user_id": "u", "messages": TURNS, "sesion_id": "misspelt"}, "sesion_id"),
    ],
)
def test_an_invalid_event_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        event_of(None, **fields)
    assert caught.value.field == field


def test_what_is_no_event_at_all_is_invalid() -> None:
    listed: Any = ["a", "list"]
    with pytest.raises(InvalidEvent, match="mapping"):
        event_of(listed)


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(UnsupportedVersion):
        event_of({"version": 2, "user_id": "u", "messages": TURNS})


def test_what_json_cannot_say_is_left_out() -> None:
    turns = [{"role": "user", "content": [{"type": "text", "text": "fine", "extra": object()}]}]
    parcel = parcel_of(event_of(None, user_id="u", messages=turns), ClientSettings())
    assert b"fine" in next(command[3] for command in parcel.commands if command[0] == "HSET")


def test_a_parcel_tells_how_much_was_left_out() -> None:
    assert parcel_of(event_of(None, user_id="u", messages=[*TURNS, None, 5]), ClientSettings()).skipped == 2


def test_a_message_is_one_that_dramatiq_reads() -> None:
    parcel = parcel_of(event_of(None, user_id="u", messages=TURNS), ClientSettings())
    [stored] = [command for command in parcel.commands if command[0] == "HSET"]
    message: Any = DramatiqMessage.decode(stored[3])
    assert (message.queue_name, message.actor_name) == ("conversations", ACTORS[Queue.CONVERSATIONS])
    assert message.options["redis_message_id"] == message.message_id == stored[2]
    assert message.args[0]["messages"][0]["content"] == "I moved to Lyon"
    assert parcel.size == len(stored[3])


def test_an_oversize_event_becomes_parts_of_one_id() -> None:
    event = event_of(None, user_id="u", messages=[{"role": "user", "content": str(n)} for n in range(7)])
    parts = bodies(parcel_of(event, ClientSettings(max_messages=3)))
    assert [(part["event_id"], part["part"], part["parts"]) for part in parts] == [
        (event.event_id, number, 3) for number in (1, 2, 3)
    ]
    assert [message["content"] for part in parts for message in part["messages"]] == [str(n) for n in range(7)]


def test_a_part_keeps_within_the_limit_in_bytes() -> None:
    event = event_of(None, user_id="u", messages=[{"role": "user", "content": "word " * 4000}])
    parts = bodies(parcel_of(event, ClientSettings(max_bytes=8192)))
    assert len(parts) > 1
    assert all(len(json.dumps(part)) <= 8192 for part in parts)
    assert "".join(part["messages"][0]["content"] for part in parts) == "word " * 4000
