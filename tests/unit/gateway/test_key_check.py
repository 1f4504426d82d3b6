"""API keys are asked for once in some seconds, and known by their hashes alone."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from afterword.gateway.callers import Caller
from afterword.gateway.keys import WorkersKeyCheck, caller_with
from afterword.gateway.settings import GatewaySettings
from afterword.producers import AsyncMemoryClient
from afterword.schemas.errors import CommandFailed, MemoryUnavailable
from afterword.schemas.keys import ApiKey, CallerRole, KeyHolder

KEY = ApiKey.draw()
HOLDER = KeyHolder(tenant_id="acme", account="ci", roles=(CallerRole.AGENT,))
CALLER = Caller(tenant_id="acme", account="ci", roles=frozenset({CallerRole.AGENT}))


class Workers:
    """Answers `keys.check` with what a test says."""

    def __init__(self) -> None:
        self.keys = self
        self.asked = 0
        self.answer: KeyHolder | Exception = HOLDER
        self.now = 100.0

    async def check(self, _: str, *, timeout: float) -> KeyHolder:
        assert timeout > 0
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def door(self) -> WorkersKeyCheck:
        settings = GatewaySettings(api_key_seconds=5, api_key_outage_seconds=600)
        return WorkersKeyCheck(cast(AsyncMemoryClient, self), settings, clock=lambda: self.now)


async def _use_once(door: WorkersKeyCheck, key: str = KEY.text) -> Caller | None:
    return await door.caller(key)


def test_a_key_is_asked_for_once_and_again_after_some_seconds() -> None:
    workers = Workers()
    door = workers.door()

    async def use() -> None:
        assert set(await asyncio.gather(*(_use_once(door) for _ in range(50)))) == {CALLER}
        asked, workers.now = workers.asked, workers.now + 4
        assert await door.caller(KEY.text) == CALLER
        assert workers.asked == asked <= 16
        workers.now += 2
        workers.answer = CommandFailed("not_found", "there is no such key")
        assert await door.caller(KEY.text) is None, "revoked"
        assert await door.caller(KEY.text) is None
        assert workers.asked == asked + 1

    asyncio.run(use())


def test_what_is_no_key_asks_nobody() -> None:
    workers = Workers()
    for text in ("awk_", "awk_x_y", f"{KEY.text} ", KEY.text.upper()):
        assert asyncio.run(_use_once(workers.door(), text)) is None
    assert workers.asked == 0


def test_the_secret_decides_and_not_the_id_that_is_known() -> None:
    workers = Workers()
    door = workers.door()

    async def use() -> None:
        assert await door.caller(KEY.text) == CALLER
        workers.answer = CommandFailed("not_found", "there is no such key")
        assert await door.caller(ApiKey(KEY.id, "0" * 64).text) is None
        assert await door.caller(KEY.text) == CALLER

    asyncio.run(use())
    assert KEY.secret not in repr(vars(door))


@pytest.mark.parametrize("away", [MemoryUnavailable("nobody"), CommandFailed("unavailable", "no ledger")])
def test_while_no_worker_answers_a_key_that_was_good_is_believed_for_a_while(away: Exception) -> None:
    workers = Workers()
    door = workers.door()

    async def use() -> None:
        await door.caller(KEY.text)
        workers.answer = away
        workers.now += 10
        assert await door.caller(KEY.text) == CALLER
        asked = workers.asked
        assert await door.caller(KEY.text) == CALLER
        assert workers.asked == asked, "each request does not wait for nobody"
        with pytest.raises(MemoryUnavailable):
            await door.caller(ApiKey.draw().text)
        workers.now += 600
        with pytest.raises(MemoryUnavailable):
            await door.caller(KEY.text)

    asyncio.run(use())


def test_a_key_that_is_bound_to_a_user_speaks_for_no_other() -> None:
    def roles(*given: CallerRole, user_id: str | None) -> Any:
        return caller_with(KeyHolder(tenant_id="t", account="a", roles=given, user_id=user_id)).roles

    assert roles(CallerRole.AGENT, user_id="ann") == {CallerRole.USER}
    assert roles(CallerRole.AGENT, user_id=None) == {CallerRole.AGENT}
    assert roles(CallerRole.USER, CallerRole.ADMIN, user_id="ann") == {CallerRole.USER, CallerRole.ADMIN}
