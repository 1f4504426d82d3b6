"""The memories for one prompt, as the agent runner gets them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import redis

from afterword.schemas.context import ContextReply, Explanation
from afterword.schemas.errors import AfterwordError, CommandFailed, MemoryUnavailable
from afterword.schemas.fence import fenced, without_fences
from afterword.schemas.memory import Memory
from afterword.schemas.printable import printable
from afterword.schemas.rendering import render_timeline

CONTEXT_SECONDS = 0.5

logger = logging.getLogger("afterword.producers")


@dataclass(frozen=True)
class Context:
    """The chosen memories, best first, and their rendered `text`. True when there are any.

    `degraded` names what was missing: on the way `redis`, `timeout`, `error` or `invalid`, else what the worker
    could not use. `timings_ms` holds the worker's steps, and `total` as waited for here. `explanations` are those of
    all memories found, by rank, where `explain` asked for them.
    """

    memories: tuple[Memory, ...] = ()
    text: str = ""
    degraded: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    explanations: tuple[Explanation, ...] = ()

    @classmethod
    def of(cls, reply: ContextReply, total_ms: float) -> Context:
        """A worker's answer, `total_ms` after it was asked."""
        timings = {**reply.timings_ms, "total": total_ms}
        return cls(reply.memories, reply.text, reply.degraded, timings, reply.explanations)

    def __bool__(self) -> bool:
        return bool(self.memories)

    def timeline(self) -> str:
        """`[YYYY-MM-DD HH:MM:SS] memory`, one a line, newest first."""
        return render_timeline(self.memories)

    def inject(self, system_prompt: str = "") -> str:
        """The prompt with the memories at its end, between marks that no memory can forge.

        Memories that it already held between such marks are replaced. Without any, the prompt alone.
        """
        bare = without_fences(system_prompt)
        # A prompt that held no fence stays as its author wrote it, white space included.
        prompt = system_prompt if bare == system_prompt else bare.rstrip()
        if not self.text:
            return prompt
        return f"{prompt.rstrip()}\n\n{fenced(self.text)}" if prompt.strip() else fenced(self.text)


def unanswered(error: AfterwordError | redis.RedisError, on_unavailable: Literal["empty", "raise"]) -> Context:
    """The context for a question without an answer: an empty one that says why.

    Raises:
        MemoryUnavailable, CommandFailed: the client is set to raise.
    """
    if on_unavailable == "raise":
        raise unavailable(error) from error
    # Somebody has to mend these. An outage of Redis is logged where its beginning and end are known.
    if isinstance(error, CommandFailed | redis.ResponseError):
        logger.error("no context: %s", printable(str(error)))
    if isinstance(error, CommandFailed):
        return Context(degraded=("error",))
    return Context(degraded=("redis" if isinstance(error, redis.RedisError) else "timeout",))


def unavailable(error: AfterwordError | redis.RedisError) -> AfterwordError:
    """The error as one of ours, which callers know."""
    if isinstance(error, AfterwordError):
        return error
    return MemoryUnavailable(f"Redis cannot serve us: {error}")


def away() -> redis.ConnectionError:
    """The error while Redis is away: it is not asked again until the background has seen it answer."""
    return redis.ConnectionError("it did not answer lately")
