"""Commands in the name of a tenant, from an event loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from afterword.producers.calls import Call, CommandSchema, command_call

A = TypeVar("A", bound=BaseModel)


# A protocol, for the same reason as `Ask`.
class AsyncAsk(Protocol):
    """Makes a call and waits for its answer."""

    async def __call__(self, call: Call[A], timeout: float) -> A: ...


class AsyncTenantCalls:
    """The twin of `TenantCalls`."""

    def __init__(self, tenant_id: str, ask: AsyncAsk) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    async def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return await self._ask(command_call(self._tenant_id, command, fields), timeout)
