"""The users of a tenant as persons with rights, from an event loop: `client.users`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from afterword.producers.aio.memories import AsyncAsk
from afterword.producers.calls import CommandSchema, command_call
from afterword.producers.memories import COMMAND_SECONDS
from afterword.producers.users import SCAN_SECONDS
from afterword.schemas.erasures import EraseUser, ErasureState, GetErasure, Residue, VerifyErased

A = TypeVar("A", bound=BaseModel)


class AsyncUserRights:
    """The twin of `UserRights`: the same calls, awaited, with the same promises and errors."""

    def __init__(self, tenant_id: str, ask: AsyncAsk) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    async def erase(
        self,
        user_id: str,
        *,
        keep_learned: bool = False,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> ErasureState:
        """Erase everything of a user, in every store; see `UserRights.erase`."""
        fields = {"user_id": user_id, "keep_learned": keep_learned, "by": by, "asked_by": asked_by}
        return await self._run(EraseUser, timeout, fields)

    async def erasure(self, erasure_id: str, *, timeout: float = COMMAND_SECONDS) -> ErasureState:
        """How far an erasure is: the step that is next, or the receipt."""
        return await self._run(GetErasure, timeout, {"erasure_id": erasure_id})

    async def verify_erased(
        self, user_id: str, *, asked_by: str | None = None, timeout: float = SCAN_SECONDS
    ) -> Residue:
        """Scan the stores for what is left of a user. It takes as long as the stores are large."""
        return await self._run(VerifyErased, timeout, {"user_id": user_id, "asked_by": asked_by})

    async def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return await self._ask(command_call(self._tenant_id, command, fields), timeout)
