"""Who uses the tools: a port, and the one user of a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from afterword.producers import AsyncMemoryClient
from afterword.producers.tenant_calls import COMMAND_SECONDS

Given = Mapping[str, Any]
"""Arguments of a tool, by name, as they were given."""


class ToolOutcome(StrEnum):
    """How the call of a tool ended, as it is counted."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    FAULT = "fault"


class ToolCaller(Protocol):
    """Somebody who uses the tools. They are bound to whom they may speak for before anything reaches Redis."""

    @property
    def client(self) -> AsyncMemoryClient:
        """The client of their tenant. It raises where memory is away."""

    @property
    def user_id(self) -> str | None:
        """The user whose memories are their own."""

    @property
    def names_owners(self) -> bool:
        """Whether arguments may say whose memories are meant."""

    @property
    def context_seconds(self) -> float:
        """How long a context is waited for."""

    @property
    def command_seconds(self) -> float:
        """How long any other answer is waited for, where `of_owner` does not say."""

    def of_user(self, given: Given) -> dict[str, Any]:
        """The arguments, with the user whom they are about. Raises: AfterwordError."""

    def of_run(self, given: Given) -> dict[str, Any]:
        """As `of_user`, with the agent that the user speaks with, where that is known."""

    def of_owner(self, given: Given) -> dict[str, Any]:
        """The arguments, with the owner of the memories that they are about. Raises: AfterwordError."""

    def of_conversation(self, given: Given) -> dict[str, Any]:
        """As `of_run`, for a conversation that is published. Raises: MemoryUnavailable, while too much waits."""

    def count(self, tool: str, outcome: ToolOutcome) -> None:
        """A call of a tool has ended."""


@dataclass(frozen=True, kw_only=True)
class BoundCaller:
    """The one user of a process, for whom all tools work; `agent_id` is the agent that they speak with.

    >>> user = BoundCaller(client=AsyncMemoryClient(), user_id="ann", agent_id="desktop")
    >>> user.of_owner({"query": "tea"})
    {'query': 'tea', 'user_id': 'ann'}
    """

    client: AsyncMemoryClient
    user_id: str
    agent_id: str | None = None
    names_owners: bool = False
    # Nobody's prompt is held up: the model itself decided to ask.
    context_seconds: float = COMMAND_SECONDS
    command_seconds: float = COMMAND_SECONDS

    def of_user(self, given: Given) -> dict[str, Any]:
        """The arguments, with the user."""
        return {**given, "user_id": self.user_id}

    def of_run(self, given: Given) -> dict[str, Any]:
        """The arguments, with the user and the agent."""
        return {**given, "user_id": self.user_id, "agent_id": self.agent_id}

    def of_owner(self, given: Given) -> dict[str, Any]:
        """The arguments, with the user as the owner."""
        return {**given, "user_id": self.user_id}

    def of_conversation(self, given: Given) -> dict[str, Any]:
        """The arguments, with the user and the agent, and the time by the user's own calendar."""
        # The process runs on the user's machine: "yesterday" means a day of its calendar.
        return {"occurred_at": datetime.now().astimezone(), **self.of_run(given)}

    def count(self, tool: str, outcome: ToolOutcome) -> None:
        """Nobody asks one person's process for figures."""
