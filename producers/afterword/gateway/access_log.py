"""The access log and the counts of requests: route, status and time; never paths, query strings, tokens or words."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afterword.gateway.guards import PROBES
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.visits import CALLER

logger = logging.getLogger(__name__)

UNMATCHED: Final = "unmatched"
"""The route of an address at which there is nothing. Anybody may make up addresses, so they are not told."""
HUNG_UP: Final = 499
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
OTHER: Final = "other"
"""The method of a request that made one up."""


class AccessLog:
    """Counts each request, and logs a line for it, once its answer has been sent."""

    def __init__(self, app: ASGIApp, *, metrics: GatewayMetrics, is_logged: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._is_logged = is_logged

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = HUNG_UP, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, noting)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        route, method = route_of(scope), method_of(scope)
        self._metrics.count(route, method, status, seconds)
        # Probes come every few seconds: only one that fails is worth a line.
        if not self._is_logged or (route in PROBES and status < 400):
            return
        caller = scope.get(CALLER)
        told = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "tenant": caller.tenant_id if caller else None,
            "account": caller.account if caller else None,
        }
        logger.info("%s %s %d in %.1f ms", method, route, status, told["ms"], extra=told)


def method_of(scope: Mapping[str, Any]) -> str:
    """The method of a request, if HTTP has it."""
    method = scope["method"]
    return method if method in METHODS else OTHER


def route_of(scope: Mapping[str, Any]) -> str:
    """The template of the route that answered, such as `/api/v1/memories/{memory_id}`."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else UNMATCHED
