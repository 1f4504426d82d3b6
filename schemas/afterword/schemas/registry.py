"""The registry of agents: the settings of each, the accounts that have a role in it, and whom it shares with; and the
commands that read and write them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from afterword.schemas.command import MAX_PAGE, Command, OfAgent
from afterword.schemas.values import Id, LateModel, Scope, Text
from afterword.schemas.zones import TimeZone

MAX_INSTRUCTIONS: Final = 4_000
"""Characters. The instructions of an agent are part of each prompt about its conversations."""

MAX_SHARED: Final = 8
"""Agents that share with one agent at most: each is one more search in every context of it."""

MAX_MEMBERS: Final = 1_000
"""Accounts beside the owner that have a role in one agent at most."""

ALL_SCOPES: Final = tuple(Scope)


class AgentRole(StrEnum):
    """The part of an account in an agent; each may do all that those after it may.

    The owner names members and shares, hands the agent on, and clears what it has learned. An editor writes its
    settings and corrects its memories. A reader sees both.
    """

    OWNER = "owner"
    EDITOR = "editor"
    READER = "reader"


def _in_order(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(scope for scope in ALL_SCOPES if scope in scopes)


Scopes = Annotated[tuple[Scope, ...], Field(min_length=1), AfterValidator(_in_order)]
"""Some of the scopes, each once, in their usual order."""

Instructions = Annotated[Text, Field(max_length=MAX_INSTRUCTIONS)]


class AgentEntry(LateModel):
    """An agent as it is registered. `owner_id` is the account that owns it; `AgentMembers` names the others.

    `memory_enabled` says whether it remembers, `scopes` of which scopes memories are learned from its conversations and
    given to it, `instructions` what is to be remembered, in words for the LLM; `time_zone` is that of its users, for
    times that come in UTC. `shares_with` are the agents that are given what this one has learned for itself, and
    `shared_by` those whose own this one is given.
    """

    agent_id: str
    owner_id: str | None = None
    memory_enabled: bool = True
    instructions: str | None = None
    time_zone: str | None = None
    scopes: tuple[Scope, ...] = ALL_SCOPES
    shares_with: tuple[str, ...] = ()
    shared_by: tuple[str, ...] = ()


class AgentPage(LateModel):
    """Answers `agents_list`; `next_cursor` is None on the last page."""

    agents: tuple[AgentEntry, ...]
    next_cursor: str | None = None


class AgentMember(LateModel):
    """An account that has a role in an agent."""

    account: str
    role: AgentRole


class AgentMembers(LateModel):
    """Answers `agents_members` and what changes them: all accounts that have a role in an agent, its owner first."""

    members: tuple[AgentMember, ...]


class ListAgents(Command):
    """A page of the registered agents of the tenant, by id. With `by`, only those in which that account has a role."""

    answer: ClassVar[type[AgentPage]] = AgentPage

    command: Literal["agents_list"] = "agents_list"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None
    by: Id | None = None


class GetAgent(OfAgent):
    """One registered agent of the tenant."""

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_get"] = "agents_get"


class SetAgent(OfAgent):
    """Register an agent, or replace its whole entry: a field that is left out gets its default.

    With `by` the agent has to be registered already, and keeps its owner where `owner_id` is left out; only its owner
    may name another one.
    """

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_set"] = "agents_set"
    owner_id: Id | None = None
    memory_enabled: bool = True
    instructions: Instructions | None = None
    time_zone: TimeZone | None = None
    scopes: Scopes = ALL_SCOPES


class ListAgentMembers(OfAgent):
    """The accounts that have a role in an agent, its owner first."""

    answer: ClassVar[type[AgentMembers]] = AgentMembers

    command: Literal["agents_members"] = "agents_members"


class SetAgentMember(OfAgent):
    """Give an account a role in an agent, or another role. The owner is named by the entry."""

    answer: ClassVar[type[AgentMembers]] = AgentMembers

    command: Literal["agents_member_set"] = "agents_member_set"
    account: Id
    role: Literal[AgentRole.EDITOR, AgentRole.READER]


class RemoveAgentMember(OfAgent):
    """Take its role in an agent from an account; from one that has none, nothing."""

    answer: ClassVar[type[AgentMembers]] = AgentMembers

    command: Literal["agents_member_remove"] = "agents_member_remove"
    account: Id


class ShareAgent(OfAgent):
    """Let contexts of `with_agent_id` hold what this agent has learned for itself, its memories of scope `agent`.

    With `by` that account has to own this agent, and to be an editor of the other one: what is shared stands in its
    prompts.
    """

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_share"] = "agents_share"
    with_agent_id: Id


class UnshareAgent(OfAgent):
    """Share no longer with `with_agent_id`. The owner of the one agent may, and an editor of the other."""

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_unshare"] = "agents_unshare"
    with_agent_id: Id
