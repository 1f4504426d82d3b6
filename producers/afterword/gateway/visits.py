"""A caller at the door, with the client of their tenant: what every route begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, FastAPI, Request
from starlette.datastructures import Headers

from afterword.gateway.authentication import Authentication, authorization_in
from afterword.gateway.callers import Caller, NotKnown
from afterword.gateway.health import HealthLook
from afterword.gateway.limits import DoorLimits
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.settings import GatewaySettings
from afterword.producers import AsyncMemoryClient
from afterword.schemas.limits import LimitedKind

CALLER: Final = "afterword.caller"
"""Where a request keeps who makes it: for its route, and for the access log, which is written after the answer."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Everything that routes share, kept as `app.state.door`."""

    settings: GatewaySettings
    authentication: Authentication
    client: AsyncMemoryClient
    """Of no tenant in particular: `client.for_tenant` shares its connections and its outbox."""
    health: HealthLook
    limits: DoorLimits
    metrics: GatewayMetrics

    async def caller(self, headers: Headers) -> Caller:
        """Who sends these headers. Raises: NotKnown, MemoryUnavailable."""
        try:
            return await self.authentication.caller(authorization_in(headers))
        except NotKnown as error:
            self.metrics.refused.labels(error.refusal).inc()
            raise


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request: who makes it, and the client that carries it to the workers in the name of their tenant."""

    caller: Caller
    client: AsyncMemoryClient
    door: Door

    @property
    def settings(self) -> GatewaySettings:
        """The settings of the gateway."""
        return self.door.settings

    async def admit(self, kind: LimitedKind, fields: Mapping[str, Any]) -> None:
        """Count a request against the limits of whom its fields name. Raises: OverLimit."""
        await self.door.limits.admit(kind, self.caller, fields)

    def memories_of(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of a command about an owner's memories: whose, and how long its answer is waited for."""
        owned = self.caller.of_owner(fields)
        # Told by the audit: an agent and an admin act for others.
        return {**owned, "asked_by": self.caller.account, "timeout": self.settings.command_seconds}


def door_of(app: FastAPI) -> Door:
    """The door that the routes of an application share."""
    return cast(Door, app.state.door)


async def uncounted_visit(request: Request) -> Visit:
    """Who makes this request. Raises: NotKnown, MemoryUnavailable."""
    door = door_of(request.app)
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        caller = request.scope[CALLER] = await door.caller(request.headers)
    return Visit(caller=caller, client=door.client.for_tenant(caller.tenant_id), door=door)


async def visit(request: Request) -> Visit:
    """Who makes this request, which is counted as a command. Raises: NotKnown, MemoryUnavailable, OverLimit."""
    made = await uncounted_visit(request)
    await made.admit(LimitedKind.COMMANDS, {**request.query_params, **request.path_params})
    return made


Visiting = Annotated[Visit, Depends(visit)]
"""The parameter of a route that only known callers may use."""
UncountedVisiting = Annotated[Visit, Depends(uncounted_visit)]
"""As `Visiting`, for a route that counts by itself: whom it is about stands in its body."""
