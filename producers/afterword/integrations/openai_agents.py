"""The OpenAI Agents SDK: `ThreadMemory` gives the runs of a thread their memories, and publishes them by its session.

>>> thread = ThreadMemory(memory, user_id="maya", session_id="thread-9")  # doctest: +SKIP
>>> await Runner.run(  # doctest: +SKIP
...     agent,
...     "Which hotel?",
...     session=thread.session(SQLiteSession("thread-9")),
...     run_config=RunConfig(call_model_input_filter=thread.inject),
... )
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from agents import Session, SessionSettings, TResponseInputItem
from agents.run import CallModelData, ModelInputData

from afterword.integrations.openai_answers import is_call, said_in
from afterword.integrations.unfailing import Client, Participants, UnfailingMemory, latest_question
from afterword.producers import Context
from afterword.producers.calls import ContextOptions
from afterword.schemas.foreign import label

WINDOW: Final = 20
"""Items of the history that are published again with a run, by which its turns find their place in the thread."""


class ThreadMemory:
    """The memory of one thread of a user; making it costs nothing.

    `inject` puts memories into the instructions, once asked for in each run; `session` publishes a run. `recall` is how
    to choose memories, as in `MemoryClient.context`. An agent goes on whatever happens here.
    """

    def __init__(
        self,
        memory: Client,
        *,
        user_id: str,
        session_id: str,
        agent_id: str | None = None,
        recall: ContextOptions | None = None,
    ) -> None:
        self._memory = UnfailingMemory(memory, recall)
        self._between = self._memory.between(
            lambda: Participants(user_id=user_id, agent_id=agent_id, session_id=session_id)
        )
        self._question: str | None = None
        self._context: Context | None = None

    async def inject(self, data: CallModelData[Any]) -> ModelInputData:
        """A `call_model_input_filter`; in one of your own, await it."""
        given = data.model_data
        context = await self._context_of(given.input)
        return replace(given, instructions=context.inject(given.instructions or "")) if context.text else given

    async def _context_of(self, items: Sequence[Any]) -> Context:
        question = latest_question(items)
        # A run that has gone on shares its prompt: its last item is not the user's then, but a tool's.
        begins = bool(items) and label(items[-1], "role") == "user"
        if self._context is None or begins or question not in (None, self._question):
            self._context = await self._memory.acontext(self._between, question)
            self._question = question
        return self._context

    def session(self, inner: Session) -> PublishingSession:
        """A session of the SDK, any, which publishes each run when the assistant has answered."""
        return PublishingSession(inner, self)

    async def publish(self, items: Sequence[Any]) -> None:
        """Publish what user and assistant said in these items: for runs without a session, `result.to_input_list()`."""
        await self._memory.apublish(self._between, said_in(items))


class PublishingSession:
    """A session of the SDK, as it is; what is added to it is published as well, a run at once.

    A run that fails, or ends without words, is published with the thread's next answer.
    """

    def __init__(self, inner: Session, thread: ThreadMemory) -> None:
        self._inner = inner
        self._thread = thread
        self._window: list[Any] = []
        self._waiting = False

    # The SDK treats sessions of its own by their classes.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._inner)

    @property
    def session_id(self) -> str:
        """The id of the session within."""
        return self._inner.session_id

    @session_id.setter
    def session_id(self, given: str) -> None:
        self._inner.session_id = given

    @property
    def session_settings(self) -> SessionSettings | None:
        """The settings of the session within."""
        return self._inner.session_settings

    @session_settings.setter
    def session_settings(self, given: SessionSettings | None) -> None:
        self._inner.session_settings = given

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # a copy is asked for attributes before it has any
            raise AttributeError(name)
        return getattr(self._inner, name)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The history, or the last `limit` items of it."""
        items = await self._inner.get_items(limit)
        # The SDK reads the history before a run: nothing is read for us alone.
        if not self._waiting:
            self._window = list(items[-WINDOW:])
        return items

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add to the history, and publish the run that these items end."""
        await self._inner.add_items(items)
        self._window += items
        self._waiting = not _ends_run(items)
        if not self._waiting:
            await self._thread.publish(self._window)
            self._window = self._window[-WINDOW:]

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the last item back, as the SDK does with those of a call that failed."""
        if self._window:
            self._window.pop()
        return await self._inner.pop_item()

    async def clear_session(self) -> None:
        """Forget the history. What was published stays."""
        self._window.clear()
        await self._inner.clear_session()


def _ends_run(items: Sequence[Any]) -> bool:
    answered = any(label(item, "role") == "assistant" for item in items)
    return answered and not any(map(is_call, items))
