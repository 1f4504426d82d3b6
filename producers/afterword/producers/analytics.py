"""Figures of usage: `client.analytics`."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from afterword.producers.memories import COMMAND_SECONDS, Ask
from afterword.producers.questions import question
from afterword.schemas.analytics import Overview, UserAnalytics
from afterword.schemas.commands import DEFAULT_DAYS, GetOverview, GetUserAnalytics
from afterword.schemas.wire import Queue

A = TypeVar("A", bound=BaseModel)


class Analytics:
    """Figures of the tenant and of its users, over the last `days` UTC days. Every call waits up to `timeout` seconds.

    Raises:
        InvalidEvent: an argument breaks the contract.
        MemoryUnavailable: no answer.
        CommandFailed: the answer is an error, such as `unavailable` where analytics are switched off.
    """

    def __init__(self, tenant_id: str, ask: Ask) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    def overview(self, *, days: int = DEFAULT_DAYS, timeout: float = COMMAND_SECONDS) -> Overview:
        """Totals, active users, searches and their success, growth."""
        return self._run(GetOverview, Overview, timeout, {"days": days})

    def user(
        self, user_id: str, *, days: int = DEFAULT_DAYS, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> UserAnalytics:
        """What a user has and did. `by` is the account that asks."""
        return self._run(GetUserAnalytics, UserAnalytics, timeout, {"user_id": user_id, "days": days, "by": by})

    def _run(self, model: type[Any], answer: type[A], timeout: float, fields: dict[str, Any]) -> A:
        return self._ask(question(Queue.COMMANDS, model, answer, {"tenant_id": self._tenant_id, **fields}), timeout)
