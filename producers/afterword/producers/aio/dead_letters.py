"""Messages that were given up on, from an event loop: `client.dead_letters`."""

from __future__ import annotations

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.dead_letters import TREAT_SECONDS
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.letters import (
    DropDeadLetters,
    GetDeadLetter,
    LetterPage,
    LetterText,
    ListDeadLetters,
    ReplayDeadLetters,
    TreatedLetters,
)


class AsyncDeadLetterBox(AsyncTenantCalls):
    """The twin of `DeadLetterBox`: the same calls, awaited, with the same promises and errors."""

    async def list(
        self,
        *,
        queue: str | None = None,
        user_id: str | None = None,
        error: str | None = None,
        all_tenants: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> LetterPage:
        """A page, newest first; `error` is a part of the error. Ask for the next with `cursor=page.next_cursor`."""
        which = {"queue": queue, "user_id": user_id, "error": error, "all_tenants": all_tenants}
        return await self._run(ListDeadLetters, timeout, {**which, "limit": limit, "cursor": cursor})

    async def get(self, letter_id: int, *, all_tenants: bool = False, timeout: float = COMMAND_SECONDS) -> LetterText:
        """One letter with its message, as printable text."""
        return await self._run(GetDeadLetter, timeout, {"letter_id": letter_id, "all_tenants": all_tenants})

    async def replay(
        self,
        *letter_ids: int,
        all_tenants: bool = False,
        asked_by: str | None = None,
        timeout: float = TREAT_SECONDS,
    ) -> TreatedLetters:
        """Give letters another chance, under their own event ids. One that is refused leaves the others theirs."""
        fields = {"letter_ids": letter_ids, "all_tenants": all_tenants, "asked_by": asked_by}
        return await self._run(ReplayDeadLetters, timeout, fields)

    async def drop(
        self,
        *letter_ids: int,
        all_tenants: bool = False,
        asked_by: str | None = None,
        timeout: float = TREAT_SECONDS,
    ) -> TreatedLetters:
        """Drop letters for good, and what was said in them."""
        fields = {"letter_ids": letter_ids, "all_tenants": all_tenants, "asked_by": asked_by}
        return await self._run(DropDeadLetters, timeout, fields)
