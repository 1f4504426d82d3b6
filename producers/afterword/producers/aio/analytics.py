"""Figures of usage from an event loop: `client.analytics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from afterword.producers.aio.memories import AsyncAsk
from afterword.producers.calls import CommandSchema, command_call
from afterword.producers.memories import COMMAND_SECONDS
from afterword.schemas.analytics import Overview, Storage, UserAnalytics
from afterword.schemas.commands import DEFAULT_DAYS, DEFAULT_TOP, GetOverview, GetStorage, GetUserAnalytics

A = TypeVar("A", bound=BaseModel)


class AsyncAnalytics:
    """The twin of `Analytics`: the same calls, awaited, with the same promises and errors."""

    def __init__(self, tenant_id: str, ask: AsyncAsk) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    async def overview(self, *, days: int = DEFAULT_DAYS, timeout: float = COMMAND_SECONDS) -> Overview:
        """Totals, active users, searches and their success, growth."""
        return await self._run(GetOverview, timeout, {"days": days})

    async def user(
        self, user_id: str, *, days: int = DEFAULT_DAYS, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> UserAnalytics:
        """Figures of one user: memories, activity, searches. `by` is the account that asks."""
        return await self._run(GetUserAnalytics, timeout, {"user_id": user_id, "days": days, "by": by})

    async def storage(
        self,
        *,
        top: int = DEFAULT_TOP,
        order: Literal["memories", "bytes"] = "memories",
        timeout: float = COMMAND_SECONDS,
    ) -> Storage:
        """How much is kept, in all and of the `top` users and agents of whom most is."""
        return await self._run(GetStorage, timeout, {"top": top, "order": order})

    async def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return await self._ask(command_call(self._tenant_id, command, fields), timeout)
