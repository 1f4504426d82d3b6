"""LangChain 1.x and LangGraph: `MemoryMiddleware` for agents. `langchain_retriever` is for chains.

>>> from langchain.agents import create_agent  # doctest: +SKIP
>>> agent = create_agent(model, tools, middleware=[MemoryMiddleware(agent_id="travel-planner")])
>>> agent.invoke(
...     {"messages": [{"role": "user", "content": "Which hotel?"}]},
...     {"configurable": {"user_id": "maya", "thread_id": "t-9"}},
... )
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from threading import Lock
from typing import Annotated, Any, NotRequired, TypedDict
from uuid import uuid4

from langchain.agents.middleware.types import AgentMiddleware, AgentState, ModelRequest, ModelResponse, PrivateStateAttr
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables.config import ensure_config
from langgraph.channels.untracked_value import UntrackedValue
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime
from langgraph.types import Command

from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, attempted, latest_question
from afterword.producers import Context, MemoryClient
from afterword.producers.calls import ContextOptions
from afterword.schemas.foreign import look

MAX_RUNS = 1000
"""Runs whose memories are held at once. One that its caller leaves is never over; the oldest then makes room."""


class RunMark(TypedDict):
    """A name for a run, and the id of its first message."""

    run: str
    since: str | None


class MarkedState(AgentState[Any]):
    """The state of an agent, with a mark of its present run."""

    # Without the memories: state is streamed to whoever watches. Untracked: to a later run the mark means nothing.
    afterword: NotRequired[Annotated[RunMark, UntrackedValue, PrivateStateAttr]]


class MemoryMiddleware(AgentMiddleware[MarkedState, Any, Any]):
    """Asks for memories once before a run, puts them into the system prompt of its model calls, and publishes what
    user and assistant said once when the run is over.

    The user is the one whom LangGraph's server has authenticated, else `user_id` of the run's context, else of
    `config["configurable"]`. The session is `session_id` of the two, else the `thread_id`. `client` defaults to that of
    the environment; `recall` is how to choose memories, as in `MemoryClient.context`.

    A run whose model or tool fails is published as far as it came, with `interrupted: true` in its metadata. An agent
    goes on whatever happens here.
    """

    state_schema = MarkedState

    def __init__(
        self, client: Client | None = None, *, agent_id: str | None = None, recall: ContextOptions | None = None
    ) -> None:
        super().__init__()
        self._memory = UnfailingMemory(client or MemoryClient.from_env(), recall)
        self._agent_id = agent_id
        self._contexts: dict[str, Context] = {}
        self._lock = Lock()

    def before_agent(self, state: MarkedState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Ask for the run's memories."""
        return self._begin(state, self._memory.context(self._between(runtime), latest_question(state["messages"])))

    async def abefore_agent(self, state: MarkedState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Ask for the run's memories."""
        question = latest_question(state["messages"])
        return self._begin(state, await self._memory.acontext(self._between(runtime), question))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with the memories."""
        context = self._held(request)
        if context is None:
            question = latest_question(request.messages)
            context = self._memory.context(self._between(request.runtime), question)
        with self._published_where_it_fails(request):
            return handler(_with_memories(request, context))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the model with the memories."""
        context = self._held(request)
        if context is None:
            question = latest_question(request.messages)
            context = await self._memory.acontext(self._between(request.runtime), question)
        async with self._apublished_where_it_fails(request):
            return await handler(_with_memories(request, context))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Call the tool as it is; one that raises may end the run."""
        with self._published_where_it_fails(request):
            return handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """Call the tool as it is; one that raises may end the run."""
        async with self._apublished_where_it_fails(request):
            return await handler(request)

    def after_agent(self, state: MarkedState, runtime: Runtime[Any]) -> None:
        """Publish the run."""
        self._end(state)
        self._memory.publish(self._between(runtime), _said(state))

    async def aafter_agent(self, state: MarkedState, runtime: Runtime[Any]) -> None:
        """Publish the run."""
        self._end(state)
        await self._memory.apublish(self._between(runtime), _said(state))

    @contextmanager
    def _published_where_it_fails(self, request: ModelRequest[Any] | ToolCallRequest) -> Iterator[None]:
        try:
            yield
        except GraphBubbleUp:
            # An interrupt: the run goes on later.
            raise
        except BaseException:
            between = self._between(request.runtime)
            self._memory.publish(between, _said(request.state), **_interrupted(request.state))
            raise

    @asynccontextmanager
    async def _apublished_where_it_fails(self, request: ModelRequest[Any] | ToolCallRequest) -> AsyncIterator[None]:
        try:
            yield
        except GraphBubbleUp:
            raise
        except BaseException:
            between = self._between(request.runtime)
            await self._memory.apublish(between, _said(request.state), **_interrupted(request.state))
            raise

    def _between(self, runtime: Any) -> Participants | None:
        return self._memory.between(lambda: _participants(runtime, self._agent_id))

    def _begin(self, state: MarkedState, context: Context) -> dict[str, Any]:
        mark = RunMark(run=str(uuid4()), since=_first_id(state["messages"]))
        with self._lock:
            self._contexts[mark["run"]] = context
            while len(self._contexts) > MAX_RUNS:
                self._contexts.pop(next(iter(self._contexts)))
        return {"afterword": mark}

    def _held(self, request: ModelRequest[Any]) -> Context | None:
        """The run's memories; None in a run that goes on after an interrupt, which does not begin anew."""
        return self._contexts.get(_mark(request.state, "run"))

    def _end(self, state: MarkedState) -> None:
        with self._lock:
            self._contexts.pop(_mark(state, "run"), None)


def _participants(runtime: Any, agent_id: str | None) -> Participants:
    configured = ensure_config().get("configurable", {})

    def given(name: str) -> Any:
        return look(runtime.context, name) or configured.get(name)

    user = look(runtime.server_info, "user")
    thread = look(runtime.execution_info, "thread_id") or configured.get("thread_id")
    return Participants(
        # First: context and config are what a server's caller sends, who may name somebody else.
        look(user, "identity") or given("user_id"),
        agent_id or given("agent_id"),
        given("session_id") or thread,
    )


def _mark(state: Any, name: str) -> Any:
    return look(look(state, "afterword"), name)


def _with_memories(request: ModelRequest[Any], context: Context) -> ModelRequest[Any]:
    memories = context.inject()
    return request.override(system_message=_injected(request.system_message, memories)) if memories else request


def _injected(prompt: SystemMessage | None, memories: str) -> SystemMessage:
    if prompt is None or not prompt.content:
        return SystemMessage(content=memories)
    if isinstance(prompt.content, str):
        return prompt.model_copy(update={"content": f"{prompt.content.rstrip()}\n\n{memories}"})
    # Behind the other blocks: a provider's cache of the prompt ends where they do.
    return prompt.model_copy(update={"content": [*prompt.content, {"type": "text", "text": memories}]})


def _said(state: Any) -> list[AnyMessage]:
    """The messages of this run. Those before it were published when they were said."""
    return attempted(lambda: _own_messages(state)) or []


def _own_messages(state: Any) -> list[AnyMessage]:
    messages: Sequence[AnyMessage] = state["messages"]
    since = _mark(state, "since")
    places = [place for place, message in enumerate(messages) if since is not None and message.id == since]
    own = messages[places[0] if places else _first_of_run(messages) :]
    # The summary of an older part of the thread comes as a message of the user, who did not say it.
    return [message for message in own if not message.additional_kwargs.get("lc_source")]


def _first_of_run(messages: Sequence[AnyMessage]) -> int:
    """Where the latest run begins: at the user's messages that follow an answer."""
    place = max((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    while place > 0 and not isinstance(messages[place - 1], AIMessage | ToolMessage):
        place -= 1
    return place


def _first_id(messages: Sequence[AnyMessage]) -> str | None:
    return next((message.id for message in messages[_first_of_run(messages) :]), None)


def _interrupted(state: Any) -> dict[str, Any]:
    # The id makes one event of all attempts of a model that is called again, and of tools that fail side by side.
    since = _mark(state, "since")
    return {"metadata": {"interrupted": True}, **({"event_id": f"{since}/interrupted"} if since else {})}
