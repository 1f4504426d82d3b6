from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from afterword.schemas import ConversationFinished, InvalidEvent, Message, UnsupportedVersion


def body(**fields: Any) -> dict[str, Any]:
    return {"user_id": "ada", "messages": [{"role": "user", "content": "hello"}], **fields}


def parse(**fields: Any) -> ConversationFinished:
    return ConversationFinished.parse(body(**fields))


def said(content: Any) -> str:
    return parse(messages=[{"role": "user", "content": content}]).messages[0].text


def refused(**fields: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        parse(**fields)
    return caught.value


def test_the_least_event_has_sensible_defaults() -> None:
    event = parse()
    assert UUID(event.event_id).version == 4
    assert datetime.now(UTC) - event.occurred_at < timedelta(minutes=1)
    assert (event.tenant_id, event.agent_id, event.metadata, event.part, event.parts) == ("default", None, {}, 1, 1)


# Ids


@pytest.mark.parametrize("given_id", ["a", "x" * 256, "Ada Lovelace", "用户-1", "a/b:c@d"])
def test_ids_of_1_to_256_printable_characters(given_id: str) -> None:
    assert parse(user_id=given_id).user_id == given_id


@pytest.mark.parametrize("given_id", ["", " ", "x" * 257, "a\nb", "a\x00", "\ud800", True, 1.5, None, ["a"]])
def test_any_other_id_is_refused(given_id: object) -> None:
    assert refused(user_id=given_id).field == "user_id"


def test_ids_as_uuids_and_integers_become_text() -> None:
    uuid = UUID("6f1c1f3e-0000-4000-8000-000000000001")
    event = parse(user_id=42, session_id=uuid)
    assert (event.user_id, event.session_id) == ("42", str(uuid))


# Times


def test_times_keep_the_offset_of_who_spoke() -> None:
    local = datetime(2026, 5, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    assert parse(occurred_at=local).occurred_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert parse(occurred_at=local).occurred_at.isoformat() == "2026-05-01T20:00:00+08:00"
    assert parse(occurred_at="2026-05-01T14:00:00+02:00").occurred_at.isoformat() == "2026-05-01T14:00:00+02:00"


@pytest.mark.parametrize(
    ("time", "mend"),
    [
        (datetime(2026, 5, 1), "time zone"),
        ("2026-05-01T12:00:00", "time zone"),
        ("2026-05-01", "time zone"),
        (1714564800, "ISO 8601"),
        (1714564800.5, "ISO 8601"),
        ("1714564800", "ISO 8601"),
        ("-5.5", "ISO 8601"),
        (True, "ISO 8601"),
        ("0001-01-01T00:00:00+14:00", "years 1 to 9999"),
        ("0001-01-01T00:00:00Z", "before the year 1900"),
        ("1899-12-31T23:59:59Z", "before the year 1900"),
        ("yesterday", "datetime"),
    ],
)
def test_a_time_that_could_mean_several_is_refused(time: object, mend: str) -> None:
    error = refused(occurred_at=time)
    assert error.field == "occurred_at"
    assert mend in error.mend


def test_a_time_is_at_most_a_day_ahead() -> None:
    now = datetime.now(UTC)
    assert parse(occurred_at=now + timedelta(hours=23))
    assert "a day ahead" in refused(occurred_at=now + timedelta(hours=25)).mend
    late = [{"role": "user", "content": "x", "created_at": now + timedelta(days=2)}]
    assert parse(messages=late).messages[0].created_at is None


# Contents

TEXT_PART = {"type": "text", "text": "hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:…"}}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hello", "hello"),
        ([TEXT_PART, IMAGE, {"type": "text", "text": "there"}], "hello\nthere"),
        ([{"type": "input_text", "text": "hello"}, {"type": "output_text", "text": "there"}], "hello\nthere"),
        (TEXT_PART, "hello"),
        (["hello", "there"], "hello\nthere"),
        (json.dumps("hello"), "hello"),
        (json.dumps([TEXT_PART]), "hello"),
        (json.dumps(TEXT_PART), "hello"),
        (json.dumps(json.dumps([TEXT_PART])), "hello"),
        (json.dumps([IMAGE]), ""),
        ([IMAGE], ""),
        ([], ""),
        ("", ""),
        (None, ""),
    ],
)
def test_contents_of_every_shape(content: Any, text: str) -> None:
    assert said(content) == text


@pytest.mark.parametrize(
    "pasted",
    [
        "[1, 2]",
        '{"a": 1}',
        "[]",
        '[{"type": "Feature", "name": "Lisbon"}]',
        '{"type": "object", "text": "a schema"}',
        '[{"type": "text", "label": "a form"}]',
        '"unclosed',
        "[" * 100_000,
    ],
)
def test_json_that_a_user_pasted_stays_text(pasted: str) -> None:
    assert said(pasted) == pasted


@pytest.mark.parametrize("content", [5, True, {"no": "words"}, object()])
def test_a_message_without_readable_content_is_left_out_and_counted(content: Any) -> None:
    event = parse(messages=[{"role": "user", "content": content}, {"role": "user", "content": "x"}])
    assert [message.text for message in event.messages] == ["x"]
    assert event.skipped == 1
    with pytest.raises(ValidationError, match="list of parts"):
        Message(role="user", content=content)


@pytest.mark.parametrize(
    ("content", "text"),
    [([TEXT_PART, "text"], "hello\ntext"), ({"text": "no type"}, "no type"), ([5, "text"], "text")],
)
def test_odd_parts_cost_themselves_alone(content: Any, text: str) -> None:
    assert said(content) == text


def test_of_a_part_without_words_only_its_type_is_kept() -> None:
    assert parse(messages=[{"role": "user", "content": [IMAGE]}]).messages[0].content == [{"type": "image_url"}]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("id", "", None),
        ("id", "\ud83d", None),
        ("id", 7, "7"),
        ("name", "Zo\u200de", "Zoe"),
        ("name", "", None),
        ("name", {"first": "Zoe"}, None),
        ("created_at", "yesterday", None),
        ("created_at", 1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("created_at", 1_700_000_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ],
)
def test_an_odd_field_costs_that_field(field: str, value: object, kept: object) -> None:
    [message] = parse(messages=[{"role": "user", "content": "x", field: value}]).messages
    assert (getattr(message, field), message.text) == (kept, "x")


def test_half_an_emoji_is_marked() -> None:
    assert said("so \ud83d") == "so ?"


@given(st.text(st.characters(codec="utf-8")) | st.recursive(st.text('"[]{}: \\ab'), lambda each: each.map(json.dumps)))
def test_what_was_read_once_is_read_the_same_again(text: str) -> None:
    event = parse(messages=[{"role": "user", "content": text}])
    assert ConversationFinished.parse(json.loads(event.model_dump_json())) == event


# Roles


@pytest.mark.parametrize(
    ("role", "kept"),
    [("human", "user"), ("ai", "assistant"), ("model", "assistant"), ("developer", "system"), ("function", "tool")],
)
def test_roles_by_other_names(role: str, kept: str) -> None:
    assert parse(messages=[{"role": role, "content": "x"}]).messages[0].role == kept


@pytest.mark.parametrize("role", ["narrator", "", None, 1])
def test_a_message_of_an_unknown_role_is_left_out_and_counted(role: object) -> None:
    event = parse(messages=[{"role": "user", "content": "x"}, {"role": role, "content": "x"}])
    assert (len(event.messages), event.skipped) == (1, 1)


# Versions, metadata, parts


def test_what_a_newer_producer_adds_is_ignored() -> None:
    event = parse(mood="good", messages=[{"role": "user", "content": "x", "stars": 5}])
    assert not hasattr(event, "mood")


@pytest.mark.parametrize("version", [2, 0, "1", None, [1]])
def test_an_unknown_version_is_refused_before_anything_else(version: object) -> None:
    with pytest.raises(UnsupportedVersion, match="version"):
        ConversationFinished.parse({"version": version, "nothing": "fits"})


def test_metadata_is_bounded_in_size() -> None:
    assert "16384 bytes" in refused(metadata={"a": "x" * 17_000}).mend
    assert "16384 bytes" in refused(metadata={str(number): number for number in range(3_000)}).mend


def test_an_id_is_bounded_in_bytes() -> None:
    assert parse(session_id="线" * 170).session_id == "线" * 170
    assert "512 bytes" in refused(session_id="\N{GRINNING FACE}" * 256).mend


@pytest.mark.parametrize(
    "count", [-1, 2**31, 10**30, float("nan"), float("inf"), float("-inf"), 1e30, "many", {}, 10**400]
)
def test_counts_that_no_client_has_cost_themselves_alone(count: object) -> None:
    assert parse(publishes={"sent": count}).publishes is None


def test_metadata_is_flat_json() -> None:
    metadata = {"text": "a", "int": 1, "float": 1.5, "bool": True, "null": None}
    assert parse(metadata=metadata).metadata == metadata


@pytest.mark.parametrize("value", [{"b": 1}, [1], float("nan"), float("inf"), 2**63, "a\x00b", "\ud800", object()])
def test_metadata_that_a_store_cannot_hold_is_refused(value: object) -> None:
    error = refused(metadata={"a": value})
    assert error.field == "metadata.a"
    assert "flat" in error.mend


def test_a_metadata_name_that_a_store_cannot_hold_is_refused() -> None:
    assert "NUL" in refused(metadata={"a\x00": 1}).mend


def test_a_part_is_one_of_its_parts() -> None:
    assert parse(part=2, parts=2)
    assert "above parts" in refused(part=3, parts=2).mend
    assert refused(part=0).field == "part"


# Errors


@pytest.mark.parametrize("messages", [[], (), iter(())])
def test_an_event_holds_a_message(messages: Any) -> None:
    error = refused(messages=messages)
    assert (error.field, error.mend) == ("messages", "must hold at least one message with a role and content")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidEvent, match=r"user_id: is required \(got nothing\)"):
        ConversationFinished.parse({"messages": [{"role": "user", "content": "x"}]})


@pytest.mark.parametrize("given_body", [None, "text", [1], 5])
def test_what_is_no_event_at_all_is_refused(given_body: object) -> None:
    with pytest.raises(InvalidEvent, match="event"):
        ConversationFinished.parse(given_body)


@pytest.mark.parametrize(
    ("given_value", "told"),
    [
        ("secret " * 100, "a text of 700 characters"),
        (["secret"], "a list of 1"),
        ({"secret": 1}, "an object of 1 fields"),
        (True, "True"),
    ],
)
def test_an_error_tells_what_was_given_and_not_its_text(given_value: object, told: str) -> None:
    error = refused(user_id=given_value)
    assert told in str(error)
    assert "secret" not in str(error)


def test_an_error_says_what_to_do() -> None:
    assert "must be 1 to 256 printable characters" in str(refused(user_id="long" * 100))


def test_an_error_never_repeats_a_transcript() -> None:
    transcript = "a word " * 10_000
    for broken in (
        {"messages": transcript},
        {"messages": [{"role": "user", "content": {"said": transcript}}]},
        {"messages": [{"role": transcript, "content": transcript}]},
        {"messages": [{"content": transcript}]},
        {"part": 2, "metadata": {"a": transcript}},
    ):
        assert "a word" not in str(refused(**broken))


def test_an_invalid_event_is_a_value_error() -> None:
    assert isinstance(refused(user_id=""), ValueError)
