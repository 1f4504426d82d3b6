"""Whose something is, and what it came from, as every audit row says it."""

from __future__ import annotations

from datetime import UTC, datetime

from afterword.workers.core.origin import Origin
from afterword.workers.stores.ledger import audit
from tests.support.batches import batch_of, conversation, turn

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_conversation_says_whose_it_is_and_which_event_it_came_with() -> None:
    said = conversation(3, [turn("hello")], agent_id="ada", session_id="s")
    assert Origin.of(said, batch_id="b") == Origin(
        tenant_id="default", user_id="ada", agent_id="ada", session_id="s", event_id="e3", batch_id="b"
    )


def test_a_batch_has_the_agent_session_and_event_that_all_its_lines_share() -> None:
    first = conversation(1, [turn("a")], agent_id="ada", session_id="one")
    second = conversation(2, [turn("b")], agent_id="ada", session_id="two")
    assert batch_of(first, second).origin("b") == Origin(
        tenant_id="default", user_id="ada", agent_id="ada", batch_id="b"
    )
    assert batch_of(first).origin().event_id == "e1"


def test_an_audit_row_has_its_origin_in_its_columns_and_the_batch_in_its_metadata() -> None:
    origin = Origin(tenant_id="t", user_id="u", agent_id="a", session_id="s", event_id="e", batch_id="b", at=NOON)
    row = audit.Event.of("memory_add", origin, {"scope": "user"}, memory_id="m", result_count=1)
    assert row == audit.Event(
        type="memory_add",
        tenant_id="t",
        user_id="u",
        agent_id="a",
        session_id="s",
        event_id="e",
        memory_id="m",
        result_count=1,
        metadata={"scope": "user", "batch_id": "b"},
    )
    assert row.at == NOON


def test_without_a_batch_nothing_joins_the_metadata() -> None:
    assert audit.Event.of("memory_clear", Origin(tenant_id="t")).metadata == {}
