"""The doorman: nobody's body is read before it is known who sends it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from afterword.gateway.callers import NotKnown
from afterword.gateway.guards import has_body
from afterword.gateway.problems import problem_of, response_of
from afterword.gateway.visits import CALLER, Door
from afterword.schemas.errors import MemoryUnavailable


class Doorman:
    """Asks whoever brings a body for a credential first: strangers who send slowly take no places.

    Requests without a body are asked by their routes, since some are for everybody.
    """

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and has_body(scope):
            try:
                scope[CALLER] = await self._door.caller(Headers(scope=scope))
            except (NotKnown, MemoryUnavailable) as error:
                await response_of(problem_of(error))(scope, receive, send)
                return
        await self._app(scope, receive, send)
