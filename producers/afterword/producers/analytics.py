"""Figures of usage: `client.analytics`."""

from __future__ import annotations

from typing import Literal

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
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


class Analytics(TenantCalls):
    """Figures of the tenant and of its users, over the last `days` UTC days. Every call waits up to `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer.
        CommandFailed: the answer is an error, such as `unavailable` where analytics are switched off.
    """

    def overview(self, *, days: int = DEFAULT_DAYS, timeout: float = COMMAND_SECONDS) -> Overview:
        """Totals, active users, searches and their success, growth."""
        return self._run(GetOverview, timeout, {"days": days})

    def user(
        self, user_id: str, *, days: int = DEFAULT_DAYS, by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> UserAnalytics:
        """Figures of one user: memories, activity, searches. `by` is the account that asks."""
        return self._run(GetUserAnalytics, timeout, {"user_id": user_id, "days": days, "by": by})

    def storage(
        self,
        *,
        top: int = DEFAULT_TOP,
        order: Literal["memories", "bytes"] = "memories",
        timeout: float = COMMAND_SECONDS,
    ) -> Storage:
        """How much is kept, in all and of the `top` users and agents of whom most is."""
        return self._run(GetStorage, timeout, {"top": top, "order": order})
