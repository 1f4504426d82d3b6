from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import ConversationFinished
from afterword.workers.services.ingest.recorder import body_hash


def fingerprint(**fields: Any) -> bytes:
    body = {"user_id": "ada", "messages": [{"role": "user", "content": "hello"}], "metadata": {"a": 1, "b": 2}}
    return body_hash(ConversationFinished.parse({**body, **fields}))


@pytest.mark.parametrize(
    "same",
    [
        {"event_id": "another"},
        {"occurred_at": "2020-01-01T00:00:00Z"},
        {"metadata": {"b": 2, "a": 1}},
        {"newer": "field"},
        {"agent_id": None},
        {"publishes": {"sent": 3}},
        {"time_zone": "Asia/Shanghai"},
        {"skipped": 2},
        {"occurred_at": "2026-03-05T07:30:00+08:00"},
        {"messages": [{"role": "human", "content": '"hello"'}]},
    ],
)
def test_when_and_how_it_was_sent_makes_no_other_event(same: dict[str, Any]) -> None:
    assert fingerprint(**same) == fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "bob"},
        {"tenant_id": "acme"},
        {"agent_id": "guide"},
        {"session_id": "s"},
        {"messages": [{"role": "user", "content": "hello!"}]},
        {"messages": [{"role": "assistant", "content": "hello"}]},
        {"metadata": {}},
        {"parts": 2},
    ],
)
def test_what_was_said_and_whose_it_is_does(other: dict[str, Any]) -> None:
    assert fingerprint(**other) != fingerprint()


def test_half_a_surrogate_pair_does_no_harm() -> None:
    part = {"type": "text", "text": "\ud83d"}
    assert fingerprint(messages=[{"role": "user", "content": [part]}]) != fingerprint()


def test_the_same_instant_by_another_clock_makes_no_other_event() -> None:
    def at(time: str) -> bytes:
        return fingerprint(messages=[{"role": "user", "content": "hello", "created_at": time}])

    utc = at("2026-03-04T23:30:00.5Z")
    assert utc == at("2026-03-05T07:30:00.5+08:00") == at("2026-03-04T18:30:00.500-05:00")
    assert utc != at("2026-03-05T07:30:00.5Z")
    assert utc.hex() == "3a69b3e3d4cb6af3d6f398380c3e0cce537189c6d8b0552136f8636fd96c4bff", (
        "as before offsets were kept"
    )


def test_it_never_changes() -> None:
    assert fingerprint().hex() == "77cb0298d6afba5de64778efb58a500d1727b187c002b55b86bc61b236c7aff2"
