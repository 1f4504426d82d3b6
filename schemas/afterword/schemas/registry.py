"""The registry of agents, and the commands by which admins read and write it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from afterword.schemas.command import MAX_PAGE, Command
from afterword.schemas.values import Id, LateModel, Text
from afterword.schemas.zones import TimeZone


class AgentEntry(LateModel):
    """An agent as it is registered. `owner_id` is the account that may manage the agent's memories.

    `memory_enabled` says whether it remembers, `instructions` what is to be remembered, in words for the LLM;
    `time_zone` is that of its users, for times that come in UTC.
    """

    agent_id: str
    owner_id: str | None = None
    memory_enabled: bool = True
    instructions: str | None = None
    time_zone: str | None = None


class AgentPage(LateModel):
    """Answers `agents_list`; `next_cursor` is None on the last page."""

    agents: tuple[AgentEntry, ...]
    next_cursor: str | None = None


class ListAgents(Command):
    """A page of the registered agents of the tenant, by id."""

    answer: ClassVar[type[AgentPage]] = AgentPage

    command: Literal["agents_list"] = "agents_list"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class GetAgent(Command):
    """One registered agent of the tenant."""

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_get"] = "agents_get"
    agent_id: Id


class SetAgent(Command):
    """Register an agent, or replace its whole entry: a field that is left out gets its default."""

    answer: ClassVar[type[AgentEntry]] = AgentEntry

    command: Literal["agents_set"] = "agents_set"
    agent_id: Id
    owner_id: Id | None = None
    memory_enabled: bool = True
    instructions: Text | None = None
    time_zone: TimeZone | None = None
