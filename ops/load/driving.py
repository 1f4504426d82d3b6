"""Does what is planned when it is due, however long what was begun before it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from afterword.producers import AsyncMemoryClient, Context
from ops.load.plan import Act

Result = Literal["published", "answered", "empty", "degraded", "timeout", "redis", "error"]

_FAILURES: tuple[Result, ...] = ("timeout", "redis", "error")


@dataclass(frozen=True, slots=True)
class Done:
    """An act that is over. It began `late` seconds after it was due, and took `seconds` from then.

    `late` is the fault of this process, which had too much to do; whoever waits for an answer waits for both.
    """

    result: Result
    late: float
    seconds: float

    @property
    def waited(self) -> float:
        """From when it was due to its end."""
        return self.late + self.seconds


async def drive(client: AsyncMemoryClient, acts: Iterable[Act], timeout: float) -> list[Done]:
    """Begin each act when it is due, and wait for all; a question is waited for at most `timeout` seconds."""
    begun = time.monotonic()
    tasks: list[asyncio.Task[Done]] = []
    async with asyncio.TaskGroup() as group:
        for act in acts:
            await asyncio.sleep(max(begun + act.at - time.monotonic(), 0))
            tasks.append(group.create_task(_do(client, act, begun + act.at, timeout)))
    return [task.result() for task in tasks]


async def _do(client: AsyncMemoryClient, act: Act, due: float, timeout: float) -> Done:
    began = time.monotonic()
    result = await _publish(client, act) if act.query is None else await _ask(client, act, timeout)
    return Done(result, began - due, time.monotonic() - began)


async def _publish(client: AsyncMemoryClient, act: Act) -> Result:
    await client.publish(user_id=act.user_id, agent_id=act.agent_id, session_id=act.session_id, messages=act.messages)
    return "published"


async def _ask(client: AsyncMemoryClient, act: Act, timeout: float) -> Result:
    context = await client.context(
        act.user_id, agent_id=act.agent_id, session_id=act.session_id, query=act.query, timeout=timeout
    )
    return result_of(context)


def result_of(context: Context) -> Result:
    """How a question fared."""
    for failure in _FAILURES:
        if failure in context.degraded:
            return failure
    if context.degraded:
        return "degraded"
    return "answered" if context.memories else "empty"
