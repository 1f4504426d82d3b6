"""Commands in the name of a tenant: the base of `client.memories` and its siblings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from afterword.producers.calls import Call, CommandSchema, command_call

COMMAND_SECONDS = 5.0
"""How long the answer to a command is waited for by default."""

A = TypeVar("A", bound=BaseModel)


# A protocol, since a `Callable` cannot tie the type of the answer to that of the call.
class Ask(Protocol):
    """Makes a call and waits for its answer."""

    def __call__(self, call: Call[A], timeout: float) -> A: ...


class TenantCalls:
    """Gives commands and waits for their answers. A subclass has a method for each command of its noun."""

    def __init__(self, tenant_id: str, ask: Ask) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return self._ask(command_call(self._tenant_id, command, fields), timeout)
