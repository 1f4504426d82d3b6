"""Claude Agent SDK: `memory_hooks`, for the `hooks` of `ClaudeAgentOptions`.

>>> options = ClaudeAgentOptions(hooks=memory_hooks(user_id="maya", agent_id="travel-planner"))  # doctest: +SKIP
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

from claude_agent_sdk import HookContext, HookMatcher
from claude_agent_sdk.types import HookEvent, HookInput, HookJSONOutput

from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, latest_question
from afterword.producers import AsyncMemoryClient
from afterword.producers.calls import ContextOptions

MAX_SESSIONS = 1000
"""Sessions with a prompt that has no answer yet. An interrupted one never gets it; the oldest then makes room."""

HookTable = dict[HookEvent, list[HookMatcher]]


def memory_hooks(
    client: Client | None = None,
    *,
    user_id: Any,
    agent_id: Any = None,
    recall: ContextOptions | None = None,
    beside: HookTable | None = None,
) -> HookTable:
    """Hooks that give each prompt its memories, and publish it with its answer when Claude stops.

    The session is that of the SDK. `beside` are hooks of your own, which are kept. `client` defaults to that of the
    environment; `recall` is how to choose memories, as in `MemoryClient.context`.

    An agent goes on whatever happens here. What was asked in a turn that the user interrupts is published with the
    session's next turn.
    """
    memory = UnfailingMemory(client or AsyncMemoryClient.from_env(), recall)
    conversation = _Conversation(memory, user_id, agent_id)
    hooks: HookTable = {event: list(matchers) for event, matchers in (beside or {}).items()}
    hooks.setdefault("UserPromptSubmit", []).append(HookMatcher(hooks=[conversation.asked]))
    hooks.setdefault("Stop", []).append(HookMatcher(hooks=[conversation.answered]))
    return hooks


class _Conversation:
    """The questions and answers in the sessions of one user."""

    def __init__(self, memory: UnfailingMemory, user_id: Any, agent_id: Any) -> None:
        self._memory = memory
        self._user_id, self._agent_id = user_id, agent_id
        self._unanswered: OrderedDict[str, list[dict[str, str]]] = OrderedDict()

    async def asked(self, given: HookInput, _: str | None, __: HookContext) -> HookJSONOutput:
        """Keep the prompt, and answer with its memories."""
        prompt, session_id = _text(given, "prompt"), _text(given, "session_id")
        self._keep(session_id, {"role": "user", "content": prompt})
        question = latest_question([{"role": "user", "content": prompt}])
        memories = (await self._memory.acontext(self._between(session_id), question)).inject()
        if not memories:
            return {}
        return {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": memories}}

    async def answered(self, given: HookInput, _: str | None, __: HookContext) -> HookJSONOutput:
        """Publish what was said since the last answer."""
        session_id = _text(given, "session_id")
        answer = {"role": "assistant", "content": _text(given, "last_assistant_message")}
        said = [*self._unanswered.pop(session_id, []), answer]
        await self._memory.apublish(self._between(session_id), said)
        return {}

    def _keep(self, session_id: str, message: dict[str, str]) -> None:
        self._unanswered.setdefault(session_id, []).append(message)
        while len(self._unanswered) > MAX_SESSIONS:
            self._unanswered.popitem(last=False)

    def _between(self, session_id: str) -> Participants | None:
        return self._memory.between(lambda: Participants(self._user_id, self._agent_id, session_id or None))


def _text(given: HookInput, name: str) -> str:
    # Whatever the command line sends: a version of it may leave a field out.
    value = cast("Mapping[str, Any]", given).get(name)
    return value if isinstance(value, str) else ""
