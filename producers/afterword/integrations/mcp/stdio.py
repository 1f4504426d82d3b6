"""Serving one user over a process's own streams, as `afterword mcp` does for a desktop application or an editor."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final

from mcp.server.stdio import stdio_server
from pydantic import TypeAdapter, ValidationError

from afterword.integrations.mcp.callers import BoundCaller
from afterword.integrations.mcp.server import create_server
from afterword.producers import AsyncMemoryClient, InvalidInput
from afterword.schemas.errors import shortened
from afterword.schemas.values import Id

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


def bound_caller(environ: Mapping[str, str]) -> BoundCaller:
    """The user that the environment names, and a client as it says. Raises: InvalidInput.

    >>> bound_caller({"AFTERWORD_USER_ID": "ann"}).user_id
    'ann'
    """
    user_id, agent_id = _id_in(environ, USER), _id_in(environ, AGENT)
    if user_id is None:
        raise InvalidInput(USER, "nothing", "is required: set it to the user whose memories these are")
    client = AsyncMemoryClient.from_env({**environ, **_RAISING})
    return BoundCaller(client=client, user_id=user_id, agent_id=agent_id)


def serve_stdio(environ: Mapping[str, str]) -> None:
    """Serve until the client closes the streams, or SIGTERM or Ctrl-C. What waits for Redis is sent before the end.

    Nothing but the protocol is written to stdout; logs go to stderr.

    Raises: InvalidInput, for a variable of no use.
    """
    user = bound_caller(environ)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WordlessFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().handlers = [handler]
    if not asyncio.run(_served(user)):
        # A thread still waits for a line of stdin, which cannot be interrupted, and would keep the process.
        os._exit(0)


async def _served(user: BoundCaller) -> bool:
    """Serve; False when a signal ended it, and not the client."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows ends the process by itself.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    serving, stopped = asyncio.create_task(_serve(user)), asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    await user.client.close()
    if not serving.done():
        return False
    await serving
    return True


async def _serve(user: BoundCaller) -> None:
    server = create_server(lambda _: user)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _id_in(environ: Mapping[str, str], variable: str) -> str | None:
    try:
        return TypeAdapter(Id).validate_python(environ[variable]) if environ.get(variable) else None
    except ValidationError as error:
        mend = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise InvalidInput(variable, shortened(environ[variable]), mend) from None
