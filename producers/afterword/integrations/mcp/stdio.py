"""Serving one user over a process's own streams, as `afterword mcp` does for a desktop application or an editor."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Final

from mcp.server.stdio import stdio_server

from afterword.integrations.mcp.askers import BoundUser
from afterword.integrations.mcp.server import create_server
from afterword.producers import AsyncMemoryClient, InvalidInput

USER: Final = "AFTERWORD_USER_ID"
AGENT: Final = "AFTERWORD_AGENT_ID"

_RAISING: Final = {"AFTERWORD_ON_UNAVAILABLE": "raise", "AFTERWORD_ON_INVALID": "raise"}
"""A tool says that there is no answer: an empty one would tell the model that nothing is known."""


class WordlessFormatter(logging.Formatter):
    """Tells of an error where it was raised, and its type: its words may repeat what somebody said."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, _, where = ei
        return "".join(traceback.format_tb(where)) + (kind.__name__ if kind else "")


def bound_user(environ: Mapping[str, str]) -> BoundUser:
    """The user that the environment names, and a client as it says. Raises: InvalidInput.

    >>> bound_user({"AFTERWORD_USER_ID": "ann"}).user_id
    'ann'
    """
    user_id = environ.get(USER, "")
    if not user_id:
        raise InvalidInput(USER, "nothing", "is required: set it to the user whose memories these are")
    client = AsyncMemoryClient.from_env({**environ, **_RAISING})
    return BoundUser(client=client, user_id=user_id, agent_id=environ.get(AGENT) or None)


def serve_stdio(environ: Mapping[str, str]) -> None:
    """Serve until the client closes the streams. Nothing but the protocol is written to stdout; logs go to stderr.

    Raises: InvalidInput, for a variable of no use.
    """
    user = bound_user(environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WordlessFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().handlers = [handler]
    try:
        asyncio.run(serve_user(user))
    except KeyboardInterrupt:
        # Ctrl-C in a terminal is how a person ends it.
        return


async def serve_user(user: BoundUser) -> None:
    """Serve one user until the client closes the streams; what waits for Redis is sent before it returns."""
    server = create_server(lambda _: user)
    async with user.client, stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
