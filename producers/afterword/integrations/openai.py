"""The OpenAI SDK: `remembering` gives a client of yours a memory, sync or async, streamed or not.

>>> llm = remembering(OpenAI(), memory, user_id="maya", session_id="thread-9")  # doctest: +SKIP
>>> llm.chat.completions.create(model="gpt-5-mini", messages=messages)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from openai import AsyncOpenAI, OpenAI

from afterword.integrations.openai_answers import AsyncRememberedStream, ModelAnswer, RememberedStream, said_in
from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, attempted, latest_question
from afterword.producers import Context
from afterword.producers.calls import ContextOptions

S = TypeVar("S", bound=OpenAI | AsyncOpenAI)


def remembering(
    llm: S,
    memory: Client,
    *,
    user_id: str,
    session_id: str,
    agent_id: str | None = None,
    recall: ContextOptions | None = None,
) -> S:
    """The client `llm`, with a memory, for one thread of a user; making it costs nothing.

    `create` and `parse` of `chat.completions` and of `responses` put memories into the system prompt (`instructions`),
    and publish what user and assistant said once there is an answer, or the stream is over. An answer that asks for
    tools is not yet that: it is published with the one that follows. A call that fails, and a stream that is left, are
    published as far as they came, with `interrupted: true` in their metadata. All else is the client's own.

    Without the memory service the calls are the client's own, too. `recall` is how to choose memories, as in
    `MemoryClient.context`.
    """
    unfailing = UnfailingMemory(memory, recall)
    between = unfailing.between(lambda: Participants(user_id=user_id, agent_id=agent_id, session_id=session_id))
    return _of_thread(llm, _Thread(unfailing, between))


@dataclass
class _Thread:
    """Whose thread it is, and what was said in it and waits for an answer, while tools run."""

    memory: UnfailingMemory
    between: Participants | None
    unanswered: list[Any] = field(default_factory=list)
    question: str | None = None
    context: Context | None = None

    def turns(self, given: Any) -> list[Any]:
        """All that was said up to now, the user's words among it."""
        said = said_in(given)
        # A response that continues another is given the tools' results alone.
        return said if latest_question(said) else [*self.unanswered, *said]

    def kept_context(self, question: str | None) -> Context | None:
        """The memories that this run was given already: its calls share a prompt, which OpenAI caches."""
        context = self.context if question == self.question else None
        self.question = question
        return context

    def outcome(self, said: list[Any], answer: ModelAnswer, *, interrupted: bool) -> dict[str, Any]:
        """The fields of the event to publish; of one without messages, nothing is."""
        self.unanswered = said if answer.asks_for_tools else []
        if answer.asks_for_tools:
            return {"messages": []}
        self.context = None
        messages = [*said, *({"role": "assistant", "content": text} for text in answer.texts)]
        return {"messages": messages, **({"metadata": {"interrupted": True}} if interrupted else {})}


@dataclass(frozen=True)
class _Api:
    """How an API of OpenAI's is given what was said, and how it is given memories."""

    said: Callable[[Mapping[str, Any]], Any]
    with_memories: Callable[[Mapping[str, Any], Context], dict[str, Any]]


def _with_prompt(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    first, *rest = request["messages"] or [None]
    if not isinstance(first, Mapping) or first.get("role") not in ("system", "developer"):
        return {**request, "messages": [{"role": "system", "content": context.inject()}, *request["messages"]]}
    prompt = first.get("content")
    # A prompt in parts keeps them, and what they say of caching.
    parts = None if isinstance(prompt, str) else [*(prompt or ()), {"type": "text", "text": context.inject()}]
    return {**request, "messages": [{**first, "content": parts or context.inject(prompt or "")}, *rest]}


def _with_instructions(request: Mapping[str, Any], context: Context) -> dict[str, Any]:
    given = request.get("instructions")
    return {**request, "instructions": context.inject(given if isinstance(given, str) else "")}


def _input(request: Mapping[str, Any]) -> Any:
    given = request.get("input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


_CHAT: Final = _Api(lambda request: request.get("messages"), _with_prompt)
_RESPONSES: Final = _Api(_input, _with_instructions)


def _at_hand(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request, with lists in place of what can be read only once."""
    lists = {name: request.get(name) for name in ("messages", "input")}
    once = {name: list(given) for name, given in lists.items() if isinstance(given, Iterator)}
    return {**request, **once}


class _Front:
    """Stands before an object: some of its attributes are replaced, all else is its own."""

    def __init__(self, behind: Any, **replaced: Any) -> None:
        self.__dict__.update(replaced)
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        if name == "_behind":  # a copy is asked for attributes before it has any
            raise AttributeError(name)
        return getattr(self._behind, name)


def _of_thread(llm: S, thread: _Thread) -> S:
    calling = _awaited if isinstance(llm, AsyncOpenAI) else _called

    def front(api: _Api, resource: Any) -> _Front:
        return _Front(resource, **{name: calling(api, getattr(resource, name), thread) for name in ("create", "parse")})

    def copied(**options: Any) -> Any:
        return _of_thread(llm.with_options(**options), thread)

    chat = _Front(llm.chat, completions=front(_CHAT, llm.chat.completions))
    remembering = _Front(llm, chat=chat, responses=front(_RESPONSES, llm.responses), with_options=copied, copy=copied)
    # To whoever calls it, it is the client.
    return cast("S", remembering)


def _called(api: _Api, send: Callable[..., Any], thread: _Thread) -> Callable[..., Any]:
    def call(**given: Any) -> Any:
        request = _at_hand(given)
        said = thread.turns(api.said(request))

        def publish(answer: ModelAnswer, *, interrupted: bool = False) -> None:
            thread.memory.publish(thread.between, **thread.outcome(said, answer, interrupted=interrupted))

        question = latest_question(said)
        context = thread.kept_context(question)
        if context is None:
            context = thread.context = thread.memory.context(thread.between, question)
        try:
            answer = send(**(_remembered(api, request, context)))
        except BaseException:
            publish(ModelAnswer(), interrupted=True)
            raise
        if request.get("stream") is True:
            return RememberedStream(answer, publish)
        publish(ModelAnswer.of(answer))
        return answer

    return call


def _awaited(api: _Api, send: Callable[..., Any], thread: _Thread) -> Callable[..., Any]:
    async def call(**given: Any) -> Any:
        request = _at_hand(given)
        said = thread.turns(api.said(request))

        async def publish(answer: ModelAnswer, *, interrupted: bool = False) -> None:
            await thread.memory.apublish(thread.between, **thread.outcome(said, answer, interrupted=interrupted))

        question = latest_question(said)
        context = thread.kept_context(question)
        if context is None:
            context = thread.context = await thread.memory.acontext(thread.between, question)
        try:
            answer = await send(**(_remembered(api, request, context)))
        except BaseException:
            await publish(ModelAnswer(), interrupted=True)
            raise
        if request.get("stream") is True:
            return AsyncRememberedStream(answer, publish)
        await publish(ModelAnswer.of(answer))
        return answer

    return call


def _remembered(api: _Api, request: dict[str, Any], context: Context) -> dict[str, Any]:
    return (attempted(lambda: api.with_memories(request, context)) if context.text else None) or request
