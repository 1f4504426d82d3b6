"""LangChain: `MemoryRetriever`, memories as documents."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import RunnableConfig, ensure_config
from pydantic import Field, PrivateAttr

from afterword.integrations.unfailing import Participants, UnfailingMemory
from afterword.producers import Context, Memory, MemoryClient
from afterword.producers.calls import ContextOptions


class MemoryRetriever(BaseRetriever):
    """Memories as documents, best first: for chains, and for a retriever tool.

    Without a `user_id` of its own it serves the one in `config["configurable"]`. It finds nothing, and does not raise,
    where memory is away.

    >>> retriever.invoke("Which hotel?", {"configurable": {"user_id": "maya"}})  # doctest: +SKIP
    """

    client: Any = Field(default_factory=MemoryClient.from_env, exclude=True)
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    recall: dict[str, Any] = Field(default_factory=dict)
    _memory: UnfailingMemory = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Stand before the client, so that no failure of it reaches the chain."""
        super().model_post_init(context)
        self._memory = UnfailingMemory(self.client, cast("ContextOptions", self.recall))

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """The memories that answer `input`, of the user that `config` names."""
        # Handed down: a retriever that is invoked by itself does not see its config otherwise.
        return super().invoke(input, config, between=self._between(config), **kwargs)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """`invoke`, awaited."""
        return await super().ainvoke(input, config, between=self._between(config), **kwargs)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, between: Participants | None = None
    ) -> list[Document]:
        return _documents(self._memory.context(between, query))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, between: Participants | None = None
    ) -> list[Document]:
        return _documents(await self._memory.acontext(between, query))

    def _between(self, config: RunnableConfig | None) -> Participants | None:
        configured = ensure_config(config).get("configurable", {})
        return self._memory.between(
            lambda: Participants(
                self.user_id or configured.get("user_id"),
                self.agent_id or configured.get("agent_id"),
                self.session_id or configured.get("session_id") or configured.get("thread_id"),
            )
        )


def _documents(context: Context) -> list[Document]:
    return [Document(memory.text, id=memory.id, metadata=_about(memory)) for memory in context.memories]


def _about(memory: Memory) -> dict[str, Any]:
    return memory.model_dump(mode="json", exclude={"id", "text"}, exclude_none=True)
