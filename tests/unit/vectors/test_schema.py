from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.schemas import Kind, Scope
from afterword.workers.stores.vectors.payload import StoredMemory, to_payload
from afterword.workers.stores.vectors.schema import (
    OWNER,
    Recognised,
    Shape,
    changes,
    recognise,
    schema_of,
    signature,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MEM0_1 = {"user_id": "ann", "data": "likes tea", "hash": "h", "created_at": "2025-01-02T03:04:05-08:00"}
MEM0_2 = {**MEM0_1, "text_lemmatized": "like tea", "updated_at": "2026-01-02T03:04:05+00:00"}
ENTITY = {"data": "Lisbon", "entity_type": "PLACE", "linked_memory_ids": ["m"], "user_id": "ann"}


def ours(**fields: Any) -> dict[str, Any]:
    memory = StoredMemory(
        id="m",
        text="likes tea",
        scope=Scope.USER,
        kind=Kind.FACT,
        tenant_id="default",
        user_id="ann",
        occurred_at=NOON,
        created_at=NOON,
    )
    return {**to_payload(memory), **fields}


@pytest.mark.parametrize(
    ("payload", "shape"),
    [
        (ours(), Shape.AFTERWORD),
        (ours(text_lemmatized="like tea", mood="good"), Shape.AFTERWORD),
        (MEM0_2, Shape.MEM0_2),
        ({**MEM0_2, "attributed_to": "user", "expiration_date": "2027-01-01"}, Shape.MEM0_2),
        (MEM0_1, Shape.MEM0_1),
        ({**MEM0_1, "role": "user", "actor_id": "Ann"}, Shape.MEM0_1),
        (ENTITY, Shape.MEM0_ENTITY),
        ({}, Shape.UNKNOWN),
        ({"page_content": "text", "metadata": {}}, Shape.UNKNOWN),
        ({"data": "text"}, Shape.UNKNOWN),
        ({**ENTITY, "hash": None}, Shape.MEM0_ENTITY),
        ({**MEM0_2, "tenant_id": None}, Shape.MEM0_2),
    ],
)
def test_whose_point_it_is(payload: dict[str, Any], shape: Shape) -> None:
    assert recognise(payload) is shape


def test_a_memory_of_ours_lacks_nothing_and_has_nothing_unknown() -> None:
    assert schema_of([ours(), ours(importance=0.5, role="user")]) == {Shape.AFTERWORD: Recognised(2, {}, {})}


def test_a_mixture_is_counted_by_shape_with_what_is_odd_in_it() -> None:
    without_terms = {name: value for name, value in ours().items() if name not in ("lexical", "user_id")}
    payloads = [
        *(ours(), ours(mood="good"), without_terms),
        *(MEM0_2, {**MEM0_2, "team": "red"}, {**MEM0_2, "team": "blue", "level": 3}),
        *({**MEM0_1, "user_id": None, "run_id": "thread"}, ENTITY, {"page_content": "text"}),
    ]
    assert schema_of(payloads) == {
        Shape.AFTERWORD: Recognised(3, {"lexical": 1, OWNER: 1}, {"mood": 1}),
        Shape.MEM0_2: Recognised(3, {}, {"team": 2, "level": 1}),
        Shape.MEM0_1: Recognised(1, {OWNER: 1}, {}),
        Shape.MEM0_ENTITY: Recognised(1, {}, {"entity_type": 1}),
        Shape.UNKNOWN: Recognised(1, {}, {"page_content": 1}),
    }


def test_what_an_adopted_point_keeps_of_mem0s_is_known() -> None:
    adopted = ours(mood="good", text_lemmatized="like tea", metadata={"mood": "good"})
    assert schema_of([adopted]) == {Shape.AFTERWORD: Recognised(1, {}, {})}


def test_no_points_are_no_shapes() -> None:
    assert schema_of([]) == {}
    assert signature({}) == {}


def test_more_of_the_same_is_no_change() -> None:
    before, after = signature(schema_of([ours(), MEM0_2])), signature(schema_of([MEM0_2, ours(), ours(), MEM0_2]))
    assert before == after
    assert changes(before, after) == []


def test_changes_are_told_in_words() -> None:
    before = signature(schema_of([ours(mood="good"), MEM0_1]))
    after = signature(schema_of([ours(tone="calm"), {name: ours()[name] for name in ("tenant_id", "data")}, MEM0_2]))
    told = changes(before, after)
    assert told[:2] == ["points of mem0 2.x have appeared", "points of mem0 1.x are seen no more"]
    assert "Afterword: missing now: lexical" in told
    assert "Afterword: unknown now: tone" in told
    assert "Afterword: unknown no more: mood" in told
    assert "Afterword: missing no more: lexical" in changes(after, before)
