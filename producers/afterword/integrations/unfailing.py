"""Memory that never fails a run: an integration stands inside somebody's agent, which goes on whatever happens here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from afterword.producers import AsyncMemoryClient, Context, InvalidInput, MemoryClient
from afterword.producers.calls import ContextOptions
from afterword.schemas.content import normalised, plain_text
from afterword.schemas.conversation import LEARNED_ROLES
from afterword.schemas.foreign import look
from afterword.schemas.reading import read_messages
from afterword.schemas.spoken import spoken

Client = MemoryClient | AsyncMemoryClient

R = TypeVar("R")

logger = logging.getLogger("afterword.integrations")


@dataclass(frozen=True)
class Participants:
    """Between whom a run is, and in which thread."""

    user_id: Any
    agent_id: Any = None
    session_id: Any = None


class UnfailingMemory:
    """Memories before a run, its conversation after it. Neither raises: what goes wrong is logged, without its texts.

    An `AsyncMemoryClient` serves frameworks that await. A `MemoryClient` serves those that do not, and on a thread of
    its own those that do. `recall` is how to choose memories, as in `MemoryClient.context`.
    """

    def __init__(self, client: Client, recall: ContextOptions | None = None) -> None:
        self._client = client
        self._recall = recall or {}
        self._told = False

    def between(self, read: Callable[[], Participants]) -> Participants | None:
        """Between whom a run is; None where no user is named, and the run has no memory. That is logged once."""
        found = attempted(read)
        if found is not None and found.user_id not in (None, ""):
            return found
        if not self._told:
            self._told = True
            logger.warning("a run names no user_id: it is neither remembered nor given memories")
        return None

    def context(self, between: Participants | None, query: str | None, **wished: Any) -> Context:
        """The memories for the next prompt; `wished` are options of the framework, which `recall` overrides."""
        if between is None:
            return Context()
        question = {**wished, **self._question(between, query)}
        found = attempted(lambda: self._blocking().context(**question))
        return Context(degraded=("error",)) if found is None else found

    async def acontext(self, between: Participants | None, query: str | None) -> Context:
        """`context`, awaited."""
        if between is None:
            return Context()
        found = await self._awaited("context", self._question(between, query))
        return Context(degraded=("error",)) if found is None else found

    def publish(self, between: Participants | None, messages: Any, **about: Any) -> None:
        """Publish what user and assistant said in a run, if they said anything. `about` are fields of the event."""
        said = attempted(lambda: turns(messages))
        if between is not None and said:
            attempted(lambda: self._blocking().publish(**vars(between), messages=said, **about))

    async def apublish(self, between: Participants | None, messages: Any, **about: Any) -> None:
        """`publish`, awaited; sent all the same where the run is cancelled meanwhile."""
        said = attempted(lambda: turns(messages))
        if between is not None and said:
            await self._awaited("publish", {**vars(between), "messages": said, **about})

    async def acommand(self, name: str, *args: Any, **fields: Any) -> Any:
        """A command of `client.memories`. It raises, unlike all else here: whoever gives it has to know."""
        method = getattr(self._client.memories, name)
        if isinstance(self._client, AsyncMemoryClient):
            return await method(*args, **fields)
        return await asyncio.to_thread(method, *args, **fields)

    def _question(self, between: Participants, query: str | None) -> dict[str, Any]:
        return {**vars(between), "query": query, **self._recall}

    def _blocking(self) -> MemoryClient:
        if isinstance(self._client, AsyncMemoryClient):
            raise InvalidInput("client", "an AsyncMemoryClient", "give a MemoryClient: this agent does not await")
        return self._client

    async def _awaited(self, call: str, fields: dict[str, Any]) -> Any:
        method = getattr(self._client, call)
        try:
            if isinstance(self._client, AsyncMemoryClient):
                return await method(**fields)
            return await asyncio.to_thread(method, **fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, the agent goes on
            log_failure(error)
            return None


def turns(messages: Any) -> list[Any]:
    """The messages of user and assistant, of messages in any shape that `afterword.schemas.reading` knows.

    Left out are system prompts, and with them injected memories; tools; and messages without words.
    """
    return [each for each in _read(messages) if look(each, "role") in LEARNED_ROLES and _words(each)]


def latest_question(messages: Any) -> str | None:
    """The user's latest words, without memories that a framework has put before them."""
    read = attempted(lambda: [_words(each) for each in _read(messages) if look(each, "role") == "user"]) or []
    said = (spoken(words, "user") for words in reversed(read))
    return next((words for words in said if words), None)


def attempted(call: Callable[[], R]) -> R | None:
    """The result of a call; None where it raises, which is logged."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever it is, the agent goes on
        log_failure(error)
        return None


def log_failure(error: Exception) -> None:
    """Say what went wrong, without a word of what was said: somebody else's error may repeat it."""
    reason = f"{error.field}: {error.mend}" if isinstance(error, InvalidInput) else type(error).__name__
    logger.error("memory is left out of a run: %s", reason)


def _read(messages: Any) -> list[Any]:
    try:
        return read_messages(messages)[0]
    except ValueError:
        return []


def _words(message: Any) -> str:
    return plain_text(normalised(look(message, "content")))
