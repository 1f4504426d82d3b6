from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    Command,
    CommandFailed,
    ContextReply,
    ContextRequest,
    ErrorBody,
    InvalidEvent,
    InvalidInput,
    ListMemories,
    ListUsers,
    Reply,
    Scope,
    SearchMemories,
    UnsupportedVersion,
    catalogue,
)
from afterword.schemas.catalogue import COMMANDS, parse_command
from afterword.schemas.command import OfUser, Owned
from afterword.schemas.values import Model

REPLY_TO = "afterword:reply:1"


def context(**fields: Any) -> ContextRequest:
    return ContextRequest.parse({"user_id": "ada", "reply_to": REPLY_TO, **fields})


def command(name: str, **fields: Any) -> Command:
    return parse_command({"command": name, "reply_to": REPLY_TO, **fields})


def test_a_context_request_has_sensible_defaults() -> None:
    request = context()
    assert (request.limit, request.token_budget, request.query, request.deadline_ms) == (12, 1500, None, None)
    assert request.scopes == (Scope.USER, Scope.AGENT, Scope.SESSION)
    assert request.request_id != context().request_id


@pytest.mark.parametrize(
    "broken",
    [
        {"limit": 0},
        {"limit": 101},
        {"token_budget": 0},
        {"token_budget": 100_001},
        {"scopes": []},
        {"scopes": ["world"]},
        {"deadline_ms": -1},
        {"user_id": ""},
        {"request_id": "x" * 257},
        {"shares": {"user": 0.6, "agent": 0.5}},
        {"shares": {"user": -0.1}},
        {"shares": {"user": 1.1}},
        {"shares": {"user": float("nan")}},
        {"shares": {"world": 0.5}},
        {"always": -1},
        {"always": 21},
        {"always": "all"},
    ],
)
def test_what_a_context_request_may_not_ask(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        context(**broken)
    assert caught.value.field.split(".")[0] in broken


def test_shares_of_a_context_are_by_scope() -> None:
    assert context().shares is None
    assert context(shares={"user": 0.5, "agent": 0.3, "session": 0.2}).shares == {
        Scope.USER: 0.5,
        Scope.AGENT: 0.3,
        Scope.SESSION: 0.2,
    }
    assert context(shares={"user": 1 / 3, "agent": 1 / 3, "session": 1 / 3}).shares is not None
    assert context(shares={"session": 0.2}).shares == {Scope.SESSION: 0.2}


@pytest.mark.parametrize(("always", "count"), [(True, 3), (False, 0), (0, 0), (1, 1), (20, 20)])
def test_always_is_a_count_or_a_switch(always: bool | int, count: int) -> None:
    assert context(always=always).always == count


@pytest.mark.parametrize("reply_to", ["afterword:conversations", "reply:1", "", "xafterword:reply:1", None])
def test_a_reply_goes_to_no_other_key(reply_to: object) -> None:
    for parse, body in ((ContextRequest.parse, {"user_id": "u"}), (parse_command, {"command": "users"})):
        with pytest.raises(InvalidEvent, match="reply_to"):
            parse({**body, "reply_to": reply_to})


def test_another_version_is_refused() -> None:
    with pytest.raises(UnsupportedVersion):
        context(version=2)
    with pytest.raises(UnsupportedVersion):
        parse_command({"version": 2, "command": "nothing of ours"})


@pytest.mark.parametrize("name", ["list", "related", "get", "add", "delete", "clear"])
@pytest.mark.parametrize(
    ("owner", "mend"),
    [
        ({}, "name one owner"),
        ({"user_id": "u", "agent_id": "a"}, "name one owner"),
        ({"agent_id": "a", "session_id": "s"}, "belongs to a user"),
    ],
)
def test_a_command_names_one_owner(name: str, owner: dict[str, str], mend: str) -> None:
    with pytest.raises(InvalidEvent, match=mend):
        command(name, memory_id="m", text="x", **owner)


@pytest.mark.parametrize("owner", [{"user_id": "u"}, {"user_id": "u", "session_id": "s"}, {"agent_id": "a"}])
def test_a_user_a_session_or_an_agent_is_an_owner(owner: dict[str, str]) -> None:
    assert isinstance(command("clear", **owner), ClearMemories)


def test_every_command_is_read_by_its_name() -> None:
    given: dict[str, Any] = {"user_id": "u", "memory_id": "m", "event_id": "e", "text": "x", "reply_to": REPLY_TO}
    given |= {
        "memory_ids": ["m"],
        "deletion_id": "1",
        "memories": [{"id": "1", "text": "x", "occurred_at": "2026-05-01T12:00:00Z"}],
        "memory_enabled": False,
        "key_id": "0" * 16,
        "secret_hash": "0" * 64,
        "account": "a",
        "roles": ["user"],
        "role": "reader",
        "with_agent_id": "tutor",
        "letter_id": 1,
        "letter_ids": [1],
        "older_than_days": 1,
        "rules": {},
        "erasure_id": "00000000-0000-0000-0000-000000000000",
    }
    assert COMMANDS
    for kind in COMMANDS:
        # An agent beside a user would be a second owner.
        agent = {} if "user_id" in kind.model_fields else {"agent_id": "coach"}
        assert type(parse_command({**given, **agent, "command": kind.wire_name()})) is kind


def test_every_class_of_a_command_is_listed_and_says_whose_it_is_and_how_it_is_answered() -> None:
    named = {
        kind
        for kind in vars(catalogue).values()
        if isinstance(kind, type) and issubclass(kind, Command) and _is_named(kind)
    }
    assert named == set(COMMANDS)
    assert len({kind.wire_name() for kind in COMMANDS}) == len(COMMANDS)
    assert all(issubclass(kind.answer, Model) for kind in COMMANDS)
    owned = {kind.wire_name() for kind in COMMANDS if issubclass(kind, Owned)}
    assert owned == {
        "list",
        "search",
        "related",
        "get",
        "add",
        "update",
        "history",
        "provenance",
        "restore",
        "delete",
        "clear",
        "deletion",
    }
    of_user = {kind.wire_name() for kind in COMMANDS if issubclass(kind, OfUser)}
    assert of_user == {
        "analytics_user",
        "cleanup",
        "conversation",
        "users_erase",
        "users_export",
        "users_get",
        "users_import",
        "users_set",
        "users_verify_erased",
    }


def _is_named(kind: type[Command]) -> bool:
    return "command" in kind.model_fields


def test_the_older_name_of_an_error_catches_all_that_it_did() -> None:
    assert InvalidEvent is InvalidInput
    with pytest.raises(InvalidEvent):
        parse_command({"command": "nothing of ours"})


@pytest.mark.parametrize("body", [None, "x", {}, {"command": "drop"}, {"command": ["list"]}])
def test_an_unknown_command_is_refused_with_those_there_are(body: Any) -> None:
    with pytest.raises(
        InvalidEvent,
        match="must be one of list, search, related, get, add, restore, update, history, provenance, delete",
    ):
        parse_command(body)


def test_an_error_names_the_field_alone() -> None:
    with pytest.raises(InvalidEvent) as caught:
        command("get", user_id="u")
    assert (caught.value.field, caught.value.mend) == ("memory_id", "is required")


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_1_to_1000_entries(limit: int) -> None:
    with pytest.raises(InvalidEvent, match="limit"):
        command("list", user_id="u", limit=limit)
    with pytest.raises(InvalidEvent, match="limit"):
        command("users", limit=limit)


def test_a_listing_can_be_narrowed() -> None:
    listing = command("list", user_id="u", scope="session", kind="fact", cursor="c")
    assert isinstance(listing, ListMemories)
    assert (listing.scope, listing.kind, listing.cursor) == ("session", "fact", "c")


SEARCH: dict[str, Any] = {"user_id": "u", "query": "tea"}
MAY, APRIL = "2026-05-01T00:00:00Z", "2026-04-01T00:00:00Z"


def test_a_search_names_an_owner_and_what_narrows_it() -> None:
    search = command("search", **SEARCH, agent_id="a", session_id="s", since=APRIL, until="2999-01-01T00:00:00Z")
    assert isinstance(search, SearchMemories)
    assert (search.limit, search.cursor, search.explain, search.metadata) == (20, None, False, {})
    assert isinstance(command("search", agent_id="a", by="acme"), SearchMemories)
    for owner, mend in (({}, "name an owner"), ({"agent_id": "a", "session_id": "s"}, "belongs to a user")):
        with pytest.raises(InvalidEvent, match=mend):
            command("search", query="tea", **owner)


@pytest.mark.parametrize(
    ("broken", "field", "mend"),
    [
        ({"since": MAY, "until": MAY}, "until", "must be after since"),
        ({"since": MAY, "until": APRIL}, "until", "must be after since"),
        ({"since": "2026-05-01T00:00:00"}, "since", "must carry a time zone"),
        ({"until": 1777593600}, "until", "must be an ISO 8601 time"),
        ({"metadata": {"a": None}}, "metadata.a", "nothing equals null"),
        ({"metadata": {"a": [1]}}, "metadata.a", "metadata is flat"),
        ({"metadata": {"a": 2**63}}, "metadata.a", "64 bits"),
        ({"metadata": {"a": float("nan")}}, "metadata.a", "finite"),
        ({"metadata": {'a"': 1}}, "metadata", "without"),
        ({"metadata": {"a\\": 1}}, "metadata", "without"),
        ({"metadata": {str(number): 1 for number in range(21)}}, "metadata", "at most 20"),
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"limit": 1001}, "limit", "less than or equal to 1000"),
        ({"scope": "world"}, "scope", "'user', 'agent' or 'session'"),
        ({"kind": "dream"}, "kind", "'fact', 'excerpt' or 'note'"),
    ],
)
def test_what_a_search_may_not_ask(broken: dict[str, Any], field: str, mend: str) -> None:
    with pytest.raises(InvalidEvent, match=mend) as caught:
        command("search", **SEARCH, **broken)
    assert caught.value.field.startswith(field)


@pytest.mark.parametrize("value", ["x", "", 3, 3.5, True, False, -(2**63)])
def test_metadata_is_asked_for_as_what_it_is(value: str | float) -> None:
    search = command("search", **SEARCH, metadata={"心情": value})
    assert isinstance(search, SearchMemories)
    found = search.metadata["心情"]
    assert (found, type(found)) == (value, type(value))


def test_related_memories_are_a_hundred_at_most() -> None:
    for limit in (0, 101):
        with pytest.raises(InvalidEvent, match="limit"):
            command("related", user_id="u", memory_id="m", limit=limit)


@pytest.mark.parametrize("text", ["", "a\x00b", "\ud800"])
def test_a_memory_added_by_hand_can_be_stored(text: str) -> None:
    with pytest.raises(InvalidEvent, match="text"):
        command("add", user_id="u", text=text)
    added = command("add", user_id="u", text="likes tea", metadata={"a": 1})
    assert isinstance(added, AddMemory)
    assert added.metadata == {"a": 1}


def test_users_need_no_owner() -> None:
    assert isinstance(command("users"), ListUsers)


def test_a_reply_is_an_answer_or_an_error() -> None:
    error = ErrorBody(code="denied", message="not yours", field="agent_id")
    assert Reply(request_id="r", ok=True, result={"removed": 1}).unwrap() == {"removed": 1}
    with pytest.raises(CommandFailed, match="denied: not yours") as caught:
        Reply(request_id="r", ok=False, error=error).unwrap()
    assert (caught.value.code, caught.value.field) == ("denied", "agent_id")
    for ok, body in ((True, error), (False, None)):
        with pytest.raises(ValueError, match="ok, or holds an error"):
            Reply(request_id="r", ok=ok, error=body)


def test_a_reply_survives_the_wire() -> None:
    reply = Reply(
        request_id="r", ok=True, result=ContextReply(text="x", degraded=("embedder",)).model_dump(mode="json")
    )
    read = Reply.model_validate_json(reply.model_dump_json(exclude_none=True))
    assert ContextReply.model_validate(read.unwrap()).degraded == ("embedder",)
