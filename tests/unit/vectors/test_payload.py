from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from afterword.schemas import Kind, Provenance, Scope
from afterword.workers.stores.vectors.partitions import partition
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload, text_hash, to_memory, to_payload

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

WHOLE = StoredMemory(
    id="6f1c1f3e-0000-4000-8000-000000000001",
    text="User lives in Shanghai",
    scope=Scope.SESSION,
    kind=Kind.EXCERPT,
    tenant_id="acme",
    user_id="u",
    agent_id="a",
    session_id="s",
    event_id="e",
    message=0,
    message_id="m",
    role="user",
    attributed_to="user",
    occurred_at=NOON,
    created_at=NOON + timedelta(minutes=1, microseconds=5),
    updated_at=NOON + timedelta(minutes=2),
    language="en",
    importance=0.0,
    topic="home",
    expires_at=NOON + timedelta(days=1),
    linked_memory_ids=("x", "y"),
    metadata={"mood": "good", "level": 3, "sure": False, "none": None},
)
BARE = StoredMemory(
    id="6f1c1f3e-0000-4000-8000-000000000002",
    text="likes tea",
    scope=Scope.AGENT,
    kind=Kind.FACT,
    tenant_id="default",
    agent_id="a",
    occurred_at=NOON,
    created_at=NOON,
    language="en",
)


@pytest.mark.parametrize("memory", [WHOLE, BARE], ids=["whole", "bare"])
def test_round_trip_through_json(memory: StoredMemory) -> None:
    assert from_payload(memory.id, json.loads(json.dumps(to_payload(memory)))) == memory


def test_mem0_finds_its_own_names() -> None:
    payload = to_payload(WHOLE)

    assert payload["data"] == "User lives in Shanghai"
    assert payload["hash"] == text_hash(WHOLE.text) == "981371e5b7ad2672f06476b317d68f13"
    assert (payload["user_id"], payload["agent_id"], payload["run_id"]) == ("u", "a", "s")
    assert payload["created_at"] == "2026-05-01T12:01:00.000005+00:00"


def test_what_has_no_value_is_left_out() -> None:
    assert set(to_payload(BARE)) == {
        *("data", "hash", "tenant_id", "agent_id", "scope", "kind", "language", "lexical"),
        *("occurred_at", "created_at"),
    }


def test_language_and_terms_come_from_the_text() -> None:
    payload = to_payload(replace(WHOLE, text="我住在上海", language=None))

    assert payload["language"] == "zh"
    of_user = partition(WHOLE.tenant_id, WHOLE.user_id or "")
    assert f"{of_user}上海" in payload["lexical"].split()


@pytest.mark.parametrize("odd", [["fact"], {"fact": 1}, 7, None, "other"])
def test_a_kind_or_a_scope_of_another_type_is_none(odd: object) -> None:
    payload = to_payload(WHOLE) | {"kind": odd, "scope": odd, "run_id": None}
    memory = from_payload(WHOLE.id, payload)
    assert (memory.kind, memory.scope) == (Kind.FACT, Scope.USER)


def test_a_speaker_is_among_the_terms() -> None:
    memory = replace(WHOLE, terms=None, speaker="Clara")
    terms = set(to_payload(memory)["lexical"].split())
    assert terms == {*to_payload(replace(memory, speaker=None))["lexical"].split(), *_clara()}


def _clara() -> set[str]:
    return {f"{partition(WHOLE.tenant_id, WHOLE.user_id or '')}clara"}


def test_times_keep_the_offset_of_who_spoke() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=8)))
    payload = to_payload(replace(WHOLE, occurred_at=local))
    assert payload["occurred_at"] == "2026-05-01T20:00:00+08:00"
    assert from_payload(WHOLE.id, payload).occurred_at.isoformat() == "2026-05-01T20:00:00+08:00"


def test_times_of_mem0_are_of_a_machine_not_of_who_spoke() -> None:
    memory = from_payload("1", {"data": "likes tea", "user_id": "u", "created_at": "2025-03-01T08:00:00-08:00"})
    assert memory.occurred_at.isoformat() == memory.created_at.isoformat() == "2025-03-01T16:00:00+00:00"


@pytest.mark.parametrize(
    ("ids", "scope"),
    [
        ({"user_id": "u"}, Scope.USER),
        ({"user_id": "u", "agent_id": "a"}, Scope.USER),
        ({"agent_id": "a"}, Scope.AGENT),
        ({"user_id": "u", "run_id": "r"}, Scope.SESSION),
    ],
)
def test_a_point_of_mem0s(ids: dict[str, Any], scope: Scope) -> None:
    payload = {
        "data": "Likes tea",
        "hash": "h",
        "text_lemmatized": "like tea",
        "created_at": "2025-03-01T08:00:00-08:00",
        "updated_at": "2025-03-02T08:00:00-08:00",
        "category": "drinks",
        "scope": "work",
        **ids,
    }

    memory = from_payload("id", payload)

    assert (memory.text, memory.scope, memory.kind, memory.tenant_id) == ("Likes tea", scope, Kind.FACT, "default")
    assert memory.occurred_at == memory.created_at == datetime(2025, 3, 1, 16, tzinfo=UTC)
    # Its caller's, though we have a field of that name.
    assert memory.metadata == {"category": "drinks", "scope": "work"}


@pytest.mark.parametrize("time", [None, "yesterday", "", 12])
def test_a_time_that_cannot_be_read_is_unknown(time: object) -> None:
    memory = from_payload("id", {"data": "x", "user_id": "u", "created_at": time})
    assert memory.created_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_naive_time_is_utc() -> None:
    assert from_payload("id", {"data": "x", "created_at": "2026-05-01T12:00:00"}).created_at == NOON


def test_as_its_owner_sees_it() -> None:
    memory = to_memory(WHOLE, 0.75)
    assert (memory.importance, to_memory(BARE).importance) == (WHOLE.importance, None)

    assert (memory.id, memory.text, memory.score) == (WHOLE.id, WHOLE.text, 0.75)
    assert memory.source == Provenance(event_id="e", message=0, message_id="m")
    assert memory.session_id == "s"
    assert memory.metadata == WHOLE.metadata
    assert to_memory(BARE).source is None
