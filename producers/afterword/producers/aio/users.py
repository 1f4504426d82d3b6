"""What users may ask for as persons from an event loop: `client.users`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from afterword.producers.aio.memories import AsyncAsk
from afterword.producers.calls import CommandSchema, command_call
from afterword.producers.memories import COMMAND_SECONDS
from afterword.schemas.users import GetUser, SetUser, UserWishes

A = TypeVar("A", bound=BaseModel)


class AsyncUsers:
    """The twin of `Users`: the same calls, awaited, with the same promises and errors."""

    def __init__(self, tenant_id: str, ask: AsyncAsk) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    async def set(
        self, user_id: str, *, memory: bool, asked_by: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> UserWishes:
        """Say whether anything of a user may be remembered; it holds until it is said otherwise, also after a clear.

        Without memory nothing of them is kept, learned or recalled, and contexts say `memory_off`. What was kept before
        stays until it is cleared.
        """
        fields = {"user_id": user_id, "memory_enabled": memory, "asked_by": asked_by}
        return await self._run(SetUser, timeout, fields)

    async def get(self, user_id: str, *, timeout: float = COMMAND_SECONDS) -> UserWishes:
        """What a user wishes."""
        return await self._run(GetUser, timeout, {"user_id": user_id})

    async def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return await self._ask(command_call(self._tenant_id, command, fields), timeout)
