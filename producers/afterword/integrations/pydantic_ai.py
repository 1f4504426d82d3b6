"""Pydantic AI: `MemoryCapability`, a capability of an agent.

>>> from pydantic_ai import Agent  # doctest: +SKIP
>>> agent = Agent("openai:gpt-5-mini", deps_type=Deps, capabilities=[MemoryCapability(agent_id="travel-planner")])
>>> await agent.run("Which hotel?", deps=Deps(user_id="maya"))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai.capabilities import AbstractCapability, WrapRunHandler
from pydantic_ai.messages import InstructionPart, ModelMessage
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import RunContext

from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, attempted, latest_question
from afterword.producers import AsyncMemoryClient, Context
from afterword.producers.calls import ContextOptions
from afterword.schemas.foreign import look


@dataclass
class MemoryCapability(AbstractCapability[Any]):
    """Asks for memories once a run, puts them behind the instructions of its model requests, and publishes what user
    and assistant said once when the run is over.

    The user is the `user_id` of the run's `deps`, a field or a key. The session is their `session_id`, else the run's
    `conversation_id`, which runs share that are given each other's messages. `client` defaults to that of the
    environment; `recall` is how to choose memories, as in `MemoryClient.context`.

    A run that fails or is cancelled is published as far as it came, with `interrupted: true` in its metadata. An agent
    goes on whatever happens here.
    """

    client: Client = field(default_factory=AsyncMemoryClient.from_env, repr=False)
    agent_id: str | None = None
    recall: ContextOptions | None = None
    _context: Context | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._memory = UnfailingMemory(self.client, self.recall)

    async def for_run(self, ctx: RunContext[Any]) -> MemoryCapability:
        """A capability of one run, which holds that run's memories."""
        return replace(self)

    async def wrap_run(self, ctx: RunContext[Any], *, handler: WrapRunHandler) -> AgentRunResult[Any]:
        """Publish the run when it is over."""
        between, before = self._between(ctx), len(ctx.messages)
        try:
            result = await handler()
        except BaseException:
            await self._memory.apublish(between, _said_so_far(ctx, before), metadata={"interrupted": True})
            raise
        await self._memory.apublish(between, attempted(result.new_messages))
        return result

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Put the memories behind the instructions of this request. The run's history does not keep them."""
        if self._context is None:
            question = latest_question([{"role": "user", "content": ctx.prompt}]) or latest_question(ctx.messages)
            self._context = await self._memory.acontext(self._between(ctx), question)
        if not (memories := self._context.inject()):
            return request_context
        given = request_context.model_request_parameters
        parts = [*(given.instruction_parts or []), InstructionPart(memories, dynamic=True)]
        return replace(request_context, model_request_parameters=replace(given, instruction_parts=parts))

    def _between(self, ctx: RunContext[Any]) -> Participants | None:
        return self._memory.between(
            lambda: Participants(
                look(ctx.deps, "user_id"),
                self.agent_id or look(ctx.deps, "agent_id"),
                look(ctx.deps, "session_id") or ctx.conversation_id,
            )
        )


def _said_so_far(ctx: RunContext[Any], before: int) -> Sequence[Any]:
    messages: Sequence[ModelMessage] = ctx.messages[before:]
    # A run that ends before its first request has no message, though its user has spoken.
    return messages or [{"role": "user", "content": ctx.prompt}]
