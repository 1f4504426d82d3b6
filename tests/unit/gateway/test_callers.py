"""Who may name whom."""

from __future__ import annotations

import pytest

from afterword.gateway.callers import Caller, NotAllowed
from afterword.schemas.errors import InvalidInput
from afterword.schemas.keys import CallerRole


def caller(*roles: CallerRole, user_id: str | None = None) -> Caller:
    return Caller(tenant_id="acme", account="ann", roles=frozenset(roles), user_id=user_id)


USER = caller(CallerRole.USER, user_id="ann")
AGENT = caller(CallerRole.AGENT)


def test_a_user_is_meant_where_nobody_is_named() -> None:
    assert USER.of_user({"limit": 3}) == {"limit": 3, "user_id": "ann"}
    assert USER.of_owner({"session_id": "s1"}) == {"session_id": "s1", "user_id": "ann"}
    assert USER.of_user({"user_id": "ann"}) == {"user_id": "ann"}


@pytest.mark.parametrize("named", ["bob", "Ann", "ann ", 7])
def test_another_user_is_refused_in_the_same_words_whoever_it_is(named: object) -> None:
    with pytest.raises(NotAllowed, match=r"^these are another user's$"):
        USER.of_user({"user_id": named})
    with pytest.raises(NotAllowed, match=r"^these are another user's$"):
        USER.of_owner({"user_id": named, "agent_id": "coach"})


def test_an_id_that_is_a_number_is_the_same_id() -> None:
    assert caller(CallerRole.USER, user_id="7").of_user({"user_id": 7}) == {"user_id": "7"}


def test_an_agent_names_any_user_of_its_tenant_and_has_to() -> None:
    assert AGENT.of_user({"user_id": "bob"}) == {"user_id": "bob"}
    with pytest.raises(InvalidInput, match="user_id: is required"):
        AGENT.of_user({"query": "tea"})
    assert caller(CallerRole.ADMIN, CallerRole.USER, user_id="ann").of_user({})["user_id"] == "ann"


def test_an_agents_memories_are_asked_for_in_the_name_of_the_account() -> None:
    for each in (USER, AGENT):
        assert each.of_owner({"agent_id": "coach"}) == {"agent_id": "coach", "by": "ann"}
    assert USER.of_owner({"agent_id": "coach", "by": "owner"})["by"] == "ann", "nobody chooses who asks"


@pytest.mark.parametrize("roles", [(), (CallerRole.OPERATOR,)])
def test_who_has_no_role_for_memories_gets_none(roles: tuple[CallerRole, ...]) -> None:
    without = caller(*roles, user_id="ann")
    for fields in ({}, {"user_id": "ann"}, {"agent_id": "coach"}):
        with pytest.raises(NotAllowed):
            without.of_owner(fields)


def test_a_token_of_the_role_user_that_names_no_user_opens_nothing() -> None:
    with pytest.raises(NotAllowed, match="names no user"):
        caller(CallerRole.USER).of_user({"user_id": "ann"})
