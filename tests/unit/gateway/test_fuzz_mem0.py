"""Generated bodies for mem0's calls: each is read, or refused with the field that is to be mended."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from afterword.gateway.compat.mem0.additions import read_addition
from afterword.gateway.compat.mem0.bodies import ListBody, SearchBody, owner_to_clear
from afterword.gateway.compat.mem0.clauses import clauses_of
from afterword.gateway.compat.mem0.expressions import ENTITIES, TIMES, read_filters
from afterword.schemas import InvalidInput, Kind, Memory, Scope
from tests.support.fuzzing import fuzzed, scalars, texts

MEMORY = Memory(
    id="m1",
    text="Likes tea",
    scope=Scope.USER,
    kind=Kind.FACT,
    occurred_at=datetime(2026, 5, 1, tzinfo=UTC),
    user_id="ann",
    topic="food",
    metadata={"stars": 4, "draft": True},
)
FIELDS = ["categories", "keywords", "memory_ids", "metadata", "stars", "draft", "kind", *ENTITIES, *TIMES]
OPERATORS = ["eq", "ne", "in", "gt", "gte", "lt", "lte", "contains", "icontains"]
NAMES = st.sampled_from(["AND", "OR", "NOT", *FIELDS, *OPERATORS])
VALUES = scalars(["*", "ann", "2026-05-01", "food"])
FILTERS = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(NAMES | texts(), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
OF_ADD = ["messages", "infer", "timestamp", "user_id"]
OPTIONS = [*OF_ADD, "filters", "metadata", "query", "top_k", "threshold", "start_date"]
BODIES = st.dictionaries(st.sampled_from(OPTIONS) | texts(), FILTERS, max_size=4)


@fuzzed(80)
@given(FILTERS)
def test_filters_are_read_or_refused(filters: Any) -> None:
    with suppress(InvalidInput):
        expression = read_filters(filters)
        expression.holds(MEMORY)
        for clause in clauses_of(expression, user_id="ann"):
            # Never wider than what was asked for.
            assert "user_id" in clause.fields or "agent_id" in clause.fields
            clause.holds(MEMORY)


@fuzzed(30)
@given(BODIES)
def test_bodies_are_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(InvalidInput):
        read_addition(body)
    for kind in (SearchBody, ListBody):
        with suppress(InvalidInput, ValidationError):
            kind.model_validate(body).expression()


@fuzzed(40)
@given(FILTERS, texts())
def test_a_clear_never_takes_more_than_one_owner(filters: Any, text: str) -> None:
    written = repr(filters)[:2000]
    for query in ({"filters": text}, {"filters": json.dumps(filters)}, {"filters": written, "user_id": text}):
        with suppress(InvalidInput):
            assert owner_to_clear(query, None).keys() in ({"user_id"}, {"user_id", "session_id"}, {"agent_id"})
