"""API keys: who a key belongs to is asked for, and believed for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from afterword.gateway.callers import Caller
from afterword.gateway.settings import GatewaySettings
from afterword.producers import AsyncMemoryClient
from afterword.schemas.errors import CommandFailed, InvalidInput, MemoryUnavailable
from afterword.schemas.keys import KEY_PREFIX, ApiKey, CallerRole, KeyHolder

MOST_KNOWN: Final = 10_000
MOST_ASKED: Final = 16
"""Keys that are asked for at once: whoever tries out keys must not fill the queue of everybody's commands."""
CHECK_SECONDS: Final = 2.0


class KeyCheck(Protocol):
    """Knows whose an API key is."""

    async def caller(self, key: str) -> Caller | None:
        """Whose key it is; None for one that is not known or was revoked. Raises: MemoryUnavailable."""


def is_api_key(credential: str) -> bool:
    """Whether this is a key, and not a token."""
    return credential.startswith(KEY_PREFIX)


@dataclass(frozen=True)
class _Known:
    caller: Caller | None
    told_at: float
    asked_at: float


class WorkersKeyCheck:
    """Asks the workers, who have the hashes of all keys. A key is known here by its hash, too.

    While no worker answers, a key that was good lately still is. Nobody can revoke one then either, and publishing
    needs no workers.
    """

    def __init__(
        self, client: AsyncMemoryClient, settings: GatewaySettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._kept = settings.api_key_seconds
        self._kept_in_outage = settings.api_key_outage_seconds
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._asking = asyncio.Semaphore(MOST_ASKED)

    async def caller(self, key: str) -> Caller | None:
        """Whose key it is; None for one that is not known or was revoked. Raises: MemoryUnavailable."""
        try:
            parsed = ApiKey.parse(key)
        except InvalidInput:
            return None
        name = (parsed.id, parsed.hash)
        known = self._known.get(name)
        if known is None or self._clock() - known.asked_at >= self._kept:
            async with self._asking:
                known = await self._ask_again(name, key)
        self._known.move_to_end(name)
        return known.caller

    async def _ask_again(self, name: tuple[str, str], key: str) -> _Known:
        now, known = self._clock(), self._known.get(name)
        # Somebody else may have asked while this one waited for a place.
        if known is not None and now - known.asked_at < self._kept:
            return known
        try:
            fresh = _Known(await self._ask(key), now, now)
        except MemoryUnavailable:
            if known is None or now - known.told_at > self._kept_in_outage:
                raise
            fresh = _Known(known.caller, known.told_at, now)
        self._known[name] = fresh
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return fresh

    async def _ask(self, key: str) -> Caller | None:
        try:
            return caller_with(await self._client.keys.check(key, timeout=CHECK_SECONDS))
        except CommandFailed as error:
            if error.code == "not_found":
                return None
            raise MemoryUnavailable("whose key it is cannot be told now") from error


def caller_with(holder: KeyHolder) -> Caller:
    """Who calls with a key. One that is bound to a user speaks for no other, unless it is an admin's."""
    is_bound = holder.user_id is not None and CallerRole.ADMIN not in holder.roles
    roles = {CallerRole.USER if is_bound and role is CallerRole.AGENT else role for role in holder.roles}
    return Caller(tenant_id=holder.tenant_id, account=holder.account, roles=frozenset(roles), user_id=holder.user_id)
