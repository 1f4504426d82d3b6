"""mem0's filters: what they mean of a memory, and which searches of ours they become."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.gateway.compat.mem0.clauses import MOST_CLAUSES, Clause, clauses_of
from afterword.gateway.compat.mem0.expressions import read_filters
from afterword.schemas import InvalidInput, Kind, Memory, Scope

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def memory(**more: Any) -> Memory:
    given: dict[str, Any] = {
        "id": "m1",
        "text": "Ada likes Green tea",
        "scope": Scope.USER,
        "kind": Kind.FACT,
        "occurred_at": NOON,
        "user_id": "ada",
        "topic": "food",
        "metadata": {"channel": "web", "stars": 4, "draft": True, "app_id": "shop"},
    }
    return Memory(**{**given, **more})


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({}, True),
        (None, True),
        ({"user_id": "ada"}, True),
        ({"user_id": "bob"}, False),
        ({"user_id": {"ne": "bob"}}, True),
        ({"user_id": "*"}, True),
        ({"run_id": "*"}, False),
        # As mem0 has it: what is missing is unequal to everything.
        ({"run_id": {"ne": "t1"}}, True),
        ({"app_id": "shop"}, True),
        ({"app_id": {"in": ["crm", "shop"]}}, True),
        ({"AND": [{"user_id": "ada"}, {"app_id": "crm"}]}, False),
        ({"OR": [{"user_id": "bob"}, {"app_id": "shop"}]}, True),
        ({"NOT": [{"user_id": "bob"}, {"app_id": "shop"}]}, False),
        ({"NOT": {"categories": {"in": ["work"]}}}, True),
        ({"categories": {"contains": "foo"}}, True),
        ({"categories": "*"}, True),
        ({"categories": {"ne": "food"}}, False),
        ({"keywords": {"contains": "green"}}, False),
        ({"keywords": {"icontains": "green"}}, True),
        ({"memory_ids": ["m1", "m2"]}, True),
        ({"memory_ids": ["m2"]}, False),
        ({"created_at": {"gte": "2026-05-01", "lt": "2026-05-02"}}, True),
        ({"created_at": {"gt": "2026-05-01T12:00:00Z"}}, False),
        ({"timestamp": {"lte": int(NOON.timestamp())}}, True),
        ({"updated_at": {"eq": "2026-05-01T14:00:00+02:00"}}, True),
        ({"metadata": {"channel": "web", "stars": {"gte": 4}}}, True),
        ({"metadata": {"ne": {"channel": "web"}}}, False),
        ({"metadata": {"contains": {"channel": "we"}}}, True),
        # To Python they are equal.
        ({"metadata": {"draft": 1}}, False),
        # They have no order.
        ({"metadata": {"channel": {"gt": 3}}}, False),
        ({"metadata": {"missing": None}}, True),
        ({"metadata": {"missing": "*"}}, False),
        ({"kind": {"in": ["fact", "note"]}, "scope": "user"}, True),
    ],
)
def test_a_filter_says_which_memories_are_meant(filters: Any, holds: bool) -> None:
    assert read_filters(filters).holds(memory()) is holds


@pytest.mark.parametrize(
    ("filters", "field", "mend"),
    [
        ({"channel": "web"}, "filters.channel", "under metadata"),
        ({"AND": [{"colour": 1}]}, "filters.AND.0.colour", "must be one of AND"),
        ({"user_id": {"nin": ["a"]}}, "filters.user_id.nin", "must be one of eq, ne, in"),
        ({"user_id": {">=": "a"}}, "filters.user_id.>=", "must be one of"),
        ({"user_id": {}}, "filters.user_id", "must hold one of"),
        ({"user_id": {"in": "ada"}}, "filters.user_id", "a list"),
        ({"user_id": True}, "filters.user_id", "must be a text"),
        ({"created_at": "yesterday"}, "filters.created_at", "2026-05-01"),
        ({"created_at": "*"}, "filters.created_at", "no wildcard"),
        ({"keywords": "tea"}, "filters.keywords.eq", "contains, icontains"),
        ({"metadata": "web"}, "filters.metadata", "must be an object"),
        ({"metadata": {"a": {"eq": {"b": 1}}}}, "filters.metadata.a", "flat"),
        (["user_id"], "filters", "must be an object"),
        ({"AND": ["user_id"]}, "filters.AND.0", "must be an object"),
        ({"AND": [{"user_id": "a"}] * 101}, "filters", "at most"),
    ],
)
def test_what_does_not_map_is_named(filters: Any, field: str, mend: str) -> None:
    with pytest.raises(InvalidInput, match=mend) as refused:
        read_filters(filters)
    assert refused.value.field == field


def test_filters_may_not_be_nested_without_end() -> None:
    filters: dict[str, Any] = {"user_id": "ada"}
    for _ in range(50):
        filters = {"AND": [filters]}
    with pytest.raises(InvalidInput, match="deep"):
        read_filters(filters)


def clauses(filters: Any, **more: Any) -> list[Clause]:
    return clauses_of(read_filters(filters), **more)


def test_the_search_looks_for_what_it_can_look_for() -> None:
    [clause] = clauses(
        {
            "AND": [
                {"user_id": "ada"},
                {"run_id": "t1"},
                {"agent_id": "chef"},
                {"categories": {"in": ["food"]}},
                {"metadata": {"channel": "web"}},
                {"app_id": "shop"},
                {"created_at": {"gte": "2026-05-01", "lt": "2026-06-01"}},
                {"kind": "fact"},
            ]
        }
    )
    assert clause.is_exact
    assert clause.fields == {
        "user_id": "ada",
        "session_id": "t1",
        "agent_id": "chef",
        "topic": "food",
        "kind": "fact",
        "metadata": {"channel": "web", "app_id": "shop"},
        "since": datetime(2026, 5, 1, tzinfo=UTC),
        "until": datetime(2026, 6, 1, tzinfo=UTC),
    }


def test_the_rest_is_tested_on_each_memory() -> None:
    [clause] = clauses({"AND": [{"user_id": "ada"}, {"NOT": {"categories": "food"}}, {"run_id": "*"}]})
    assert clause.fields == {"user_id": "ada"}
    assert not clause.holds(memory(session_id="t1"))
    assert clause.holds(memory(session_id="t1", topic="work"))
    assert not clause.holds(memory(topic="work"))


def test_each_owner_is_a_search_of_its_own() -> None:
    found = clauses({"OR": [{"user_id": {"in": ["ada", "bob"]}}, {"agent_id": "chef"}]})
    assert [clause.fields for clause in found] == [{"user_id": "ada"}, {"user_id": "bob"}, {"agent_id": "chef"}]


def test_alternatives_of_the_same_owner_are_one_search() -> None:
    alternatives = {"OR": [{"categories": "food"}, {"keywords": {"icontains": "tea"}}]}
    [clause] = clauses({"AND": [{"user_id": "ada"}, alternatives]})
    assert clause.fields == {"user_id": "ada"}
    assert clause.holds(memory(topic="work"))
    assert not clause.holds(memory(topic="work", text="Works late"))


def test_times_that_exclude_an_instant_lose_nothing_else() -> None:
    [clause] = clauses({"user_id": "ada", "created_at": {"gt": NOON.isoformat(), "lte": "2026-06-01"}})
    assert clause.is_exact
    assert clause.fields["since"] == NOON.replace(microsecond=1)
    assert clause.fields["until"] == datetime(2026, 6, 1, microsecond=1, tzinfo=UTC)


@pytest.mark.parametrize(
    "more",
    [
        {"AND": [{"user_id": "bob"}]},
        {"created_at": {"gte": "2026-06-01", "lt": "2026-05-01"}},
        {"AND": [{"metadata": {"a": 1}}, {"metadata": {"a": 2}}]},
    ],
)
def test_filters_that_contradict_themselves_ask_for_nothing(more: dict[str, Any]) -> None:
    assert clauses({"user_id": "ada", **more}) == []


def test_a_caller_who_is_a_user_need_not_say_so() -> None:
    assert clauses({"run_id": "t1"}, user_id="ada")[0].fields == {"user_id": "ada", "session_id": "t1"}
    assert clauses({}, user_id="ada")[0].fields == {"user_id": "ada"}
    # An agent's own memories are no user's.
    assert clauses({"agent_id": "chef"}, user_id="ada")[0].fields == {"agent_id": "chef"}


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({}, "filters"),
        ({"user_id": "*"}, "filters"),
        ({"user_id": {"ne": "ada"}}, "filters"),
        ({"run_id": "t1"}, "filters.run_id"),
        ({"OR": [{"user_id": "ada"}, {"app_id": "shop"}]}, "filters"),
        ({"user_id": {"in": [f"u{number}" for number in range(MOST_CLAUSES + 1)]}}, "filters"),
    ],
)
def test_memories_of_nobody_in_particular_cannot_be_asked_for(filters: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clauses(filters)
    assert refused.value.field == field


def test_alternatives_do_not_multiply_without_end() -> None:
    pairs = [{"OR": [{"user_id": f"a{number}"}, {"user_id": f"b{number}"}]} for number in range(40)]
    with pytest.raises(InvalidInput, match="owners at most"):
        clauses({"AND": pairs})
