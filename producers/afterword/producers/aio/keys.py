"""API keys of the gateway from an event loop: `client.keys`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from afterword.producers.aio.tenant_calls import AsyncTenantCalls
from afterword.producers.keys import NewKey, drawn
from afterword.producers.tenant_calls import COMMAND_SECONDS
from afterword.schemas.keys import (
    ApiKey,
    CallerRole,
    CheckKey,
    CreateKey,
    KeyEntry,
    KeyHolder,
    KeyPage,
    ListKeys,
    RevokeKey,
)


class AsyncKeys(AsyncTenantCalls):
    """The twin of `Keys`: the same calls, awaited, with the same promises and errors."""

    async def create(
        self,
        account: str,
        *,
        roles: Sequence[CallerRole | str],
        user_id: str | None = None,
        name: str | None = None,
        expires_at: datetime | str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> NewKey:
        """A new key with which an account calls; see `Keys.create`."""
        key = ApiKey.draw()
        whose = {"account": account, "roles": roles, "user_id": user_id, "name": name, "expires_at": expires_at}
        return NewKey(key.text, await self._run(CreateKey, timeout, {**drawn(key), **whose, "asked_by": asked_by}))

    async def list(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> KeyPage:
        """A page of the keys, newest first. Ask for the next one with `cursor=page.next_cursor`."""
        return await self._run(ListKeys, timeout, {"limit": limit, "cursor": cursor})

    async def revoke(self, key_id: str, *, asked_by: str | None = None, timeout: float = COMMAND_SECONDS) -> KeyEntry:
        """The key opens nothing any more. Doors that know it may let it in for some seconds yet."""
        return await self._run(RevokeKey, timeout, {"key_id": key_id, "asked_by": asked_by})

    async def check(self, key: str, *, timeout: float = COMMAND_SECONDS) -> KeyHolder:
        """Whose key it is, of whatever tenant. `CommandFailed` with `not_found` for one that is not valid."""
        return await self._run(CheckKey, timeout, drawn(ApiKey.parse(key)))
