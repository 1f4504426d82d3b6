"""Who may do what with an agent: every role and every command, as one table."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas.catalogue import COMMANDS
from afterword.schemas.command import Command, OfAgent, OfUser, Owned
from afterword.schemas.registry import AgentRole, SetAgent, ShareAgent, UnshareAgent
from afterword.workers.core.errors import Denied
from afterword.workers.services.policy.access import Access
from afterword.workers.stores.ledger import agent_members, agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.database import Database
from tests.support.workshop import NOON, REPLY_TO

READERS, EDITORS, OWNERS = ("reader", "editor", "owner"), ("editor", "owner"), ("owner",)
TABLE = {
    # What an agent remembers
    "list": READERS,
    "search": READERS,
    "related": READERS,
    "get": READERS,
    "history": READERS,
    "provenance": READERS,
    "deletion": READERS,
    "add": EDITORS,
    "update": EDITORS,
    "restore": EDITORS,
    "delete": EDITORS,
    "clear": OWNERS,
    # Its entry
    "agents_get": READERS,
    "agents_members": READERS,
    "agents_set": EDITORS,
    "agents_member_set": OWNERS,
    "agents_member_remove": OWNERS,
    "agents_share": OWNERS,
    "agents_unshare": OWNERS,
}
FIELDS: dict[str, Any] = {
    "text": "x",
    "memory_id": "m",
    "deletion_id": "1",
    "account": "somebody",
    "role": "reader",
    "with_agent_id": "tutor",
    "query": "x",
}


@pytest.fixture
def access(database: Database) -> Access:
    """`coach` and `tutor` belong to `owner`, the coach has members; `namesake` has roles elsewhere."""
    with database.transaction() as connection:
        for agent_id in ("coach", "tutor"):
            agents.put(connection, Agent("default", agent_id, "owner"))
        for role in (AgentRole.EDITOR, AgentRole.READER):
            agent_members.put(connection, "default", "coach", account=role, role=role)
        agents.put(connection, Agent("default", "other", "namesake"))
        agents.put(connection, Agent("elsewhere", "coach", "namesake"))
        agent_members.put(connection, "elsewhere", "coach", account="stranger", role=AgentRole.EDITOR)
        # A role in an agent that nobody registered: left over, and worth nothing.
        agent_members.put(connection, "default", "ghost", account="editor", role=AgentRole.EDITOR)
        agents.put(connection, Agent("default", "nobodys"))
    return Access(database)


def command_of(kind: type[Command], **given: Any) -> Command:
    fields = {name: FIELDS[name] for name in kind.model_fields if name in FIELDS}
    return kind.model_validate({"reply_to": REPLY_TO, "agent_id": "coach", **fields, **given})


def may(access: Access, command: Command) -> bool:
    try:
        access.check(command)
    except Denied:
        return False
    return True


def about_agents() -> list[type[Command]]:
    return [each for each in COMMANDS if issubclass(each, Owned | OfAgent)]


def test_the_table_has_every_command_about_an_agent() -> None:
    assert {each.wire_name() for each in about_agents()} == set(TABLE)


def test_every_role_and_every_command(access: Access) -> None:
    asking = ("reader", "editor", "owner", "stranger", "namesake")
    allowed = {
        kind.wire_name(): tuple(by for by in asking if may(access, command_of(kind, by=by))) for kind in about_agents()
    }
    assert allowed == TABLE


def test_an_agent_that_is_not_registered_or_owned_is_open_to_nobody(access: Access) -> None:
    for kind in about_agents():
        for agent_id in ("ghost", "unheard-of", "nobodys"):
            for by in ("reader", "editor", "owner", "stranger"):
                # Whoever answers for the other agent of a share may end it: so that one is nobody's, too.
                given = {"agent_id": agent_id, "with_agent_id": "nobodys"}
                assert not may(access, command_of(kind, by=by, **given)), (kind, agent_id, by)


def test_without_an_account_memories_are_closed_and_the_registry_is_the_admins(access: Access) -> None:
    open_to_admins = {each.wire_name() for each in about_agents() if may(access, command_of(each))}
    assert open_to_admins == {name for name in TABLE if name.startswith("agents_")}


def test_only_the_owner_hands_an_agent_on(access: Access) -> None:
    def hands_on(by: str, owner_id: str | None) -> bool:
        return may(access, command_of(SetAgent, by=by, owner_id=owner_id))

    assert hands_on("owner", "editor")
    assert not hands_on("editor", "editor")
    # As it is, or left out: then it stays.
    assert hands_on("editor", "owner")
    assert hands_on("editor", None)


def test_sharing_needs_the_owner_of_the_one_and_an_editor_of_the_other(access: Access, database: Database) -> None:
    def shares(by: str) -> bool:
        return may(access, command_of(ShareAgent, by=by, with_agent_id="other"))

    def ends(by: str) -> bool:
        return may(access, command_of(UnshareAgent, by=by, with_agent_id="other"))

    # Neither whose memories it is nor whose prompts it is may do it alone.
    assert not shares("owner")
    assert not shares("namesake")
    # Ending it, either may.
    assert ends("owner")
    assert ends("namesake")
    assert not ends("editor")
    with database.transaction() as connection:
        agent_members.put(connection, "default", "other", account="owner", role=AgentRole.READER)
    assert not shares("owner")
    with database.transaction() as connection:
        agent_members.put(connection, "default", "other", account="owner", role=AgentRole.EDITOR)
    assert shares("owner")


def test_a_member_may_leave(access: Access) -> None:
    leave = next(each for each in COMMANDS if each.wire_name() == "agents_member_remove")
    assert may(access, command_of(leave, by="reader", account="reader"))
    assert not may(access, command_of(leave, by="reader", account="editor"))
    assert not may(access, command_of(leave, by="stranger", account="stranger"))


def test_what_is_a_users_is_theirs_whatever_role_they_have_in_an_agent(access: Access) -> None:
    for kind in (each for each in COMMANDS if issubclass(each, Owned | OfUser)):
        fields = {
            "memories": [{"id": "1", "text": "x", "occurred_at": NOON}],
            "older_than_days": 1,
            "event_id": "e",
            "memory_enabled": True,
        }
        given = {"agent_id": None, "user_id": "ann", **{k: v for k, v in fields.items() if k in kind.model_fields}}
        assert may(access, command_of(kind, **given, by="ann")), kind
        assert not may(access, command_of(kind, **given, by="owner")), kind
