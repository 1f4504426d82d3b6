"""The gateway that asks nobody who they are: only programs of this machine may use it, and pages of others may not."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from afterword.gateway.problems import problem, response_of
from afterword.gateway.settings import is_loopback

_OWN_SITES: Final = (None, "none", "same-origin")


class OwnMachine:
    """Refuses what a browser sends for a page of somebody else: such a page can reach loopback addresses as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_own(Headers(scope=scope)):
            await response_of(problem(403, "this gateway is for programs of its own machine"))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_own(headers: Headers) -> bool:
    # The name that the caller used: a page can give its own name the address 127.0.0.1.
    host, origin = headers.get("host", ""), headers.get("origin")
    if not is_loopback(_host_in(f"//{host}")) or headers.get("sec-fetch-site") not in _OWN_SITES:
        return False
    return origin is None or urlsplit(origin).netloc == host


def _host_in(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
