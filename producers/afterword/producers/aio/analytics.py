"""Figures of usage from an event loop: `client.analytics`."""

from __future__ import annotations

from typing import Literal

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.analytics import (
    DEFAULT_DAYS,
    DEFAULT_TOP,
    GetOverview,
    GetStorage,
    GetUserAnalytics,
    Overview,
    Storage,
    UserAnalytics,
)


class AsyncAnalytics(AsyncTenantCalls):
    """The twin of `Analytics`: the same calls, awaited, with the same promises and errors."""

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
