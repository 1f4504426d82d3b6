"""mem0's way: its plain `Memory.add`, once for each scope, with its own prompts, history and Qdrant in this process.

Only its LLM and its embedder are those of the settings, so that both sides ask the same models.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from afterword.schemas import ConversationFinished, Scope
from afterword.schemas.conversation import LEARNED_ROLES
from afterword.workers.core.errors import BadAnswer, LlmUnavailable
from afterword.workers.models import mem0_environment
from afterword.workers.models.embedders.port import Embedder, Vector
from ops.eval.counting import CountingLlm
from ops.eval.learning import Learned
from ops.eval.scoring import Found


class PlainMem0:
    """Learns each conversation as the user's, then as the agent's, then as the session's."""

    name = "mem0 add"

    def __init__(self, llm: CountingLlm, embedder: Embedder) -> None:
        self._llm = llm
        self._memory = _memory(embedder.identity.dimensions)
        self._memory.llm = _Llm(llm)
        self._memory.embedding_model = _Embedding(embedder)

    def learn(self, burst: Sequence[ConversationFinished]) -> Learned:
        """See the protocol."""
        facts: list[Found] = []
        failures: list[str] = []
        for event in burst:
            for scope, owner in _owners(event):
                try:
                    facts.extend(Found(text, scope, event.event_id) for text in self._add(event, owner))
                except (BadAnswer, LlmUnavailable) as error:
                    failures.append(str(error))
        return Learned(tuple(facts), self._llm.bill(), tuple(failures))

    def _add(self, event: ConversationFinished, owner: Mapping[str, str]) -> list[str]:
        from mem0.exceptions import LLMError

        said = [
            {"role": message.role, "content": message.text}
            for message in event.messages
            if message.role in LEARNED_ROLES and message.text
        ]
        try:
            added = self._memory.add(said, **owner)
        except LLMError as error:
            raise error.__cause__ or error from None
        return [result["memory"] for result in added["results"]]


def _owners(event: ConversationFinished) -> Iterator[tuple[Scope, Mapping[str, str]]]:
    yield Scope.USER, {"user_id": event.user_id}
    if event.agent_id:
        yield Scope.AGENT, {"agent_id": event.agent_id}
    if event.session_id:
        yield Scope.SESSION, {"user_id": event.user_id, "run_id": event.session_id}


def _memory(dimensions: int) -> Any:
    """mem0's own, with everything in memory. Its two models are replaced before they are used."""
    mem0_environment.prepare()
    from mem0 import Memory
    from qdrant_client import QdrantClient

    unused = {"provider": "openai", "config": {"api_key": "unused"}}
    store = {"client": QdrantClient(":memory:"), "embedding_model_dims": dimensions, "collection_name": "mem0"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect", category=UserWarning)
        return Memory.from_config(
            {
                "llm": unused,
                "embedder": unused,
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": ":memory:",
            }
        )


class _Llm:
    def __init__(self, llm: CountingLlm) -> None:
        self._llm = llm

    def generate_response(self, messages: Any, **_: Any) -> str:
        return self._llm.complete_json(messages).text


class _Embedding:
    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, text: str, _action: str | None = None) -> Vector:
        return self._embedder.embed([text])[0]

    def embed_batch(self, texts: Sequence[str], _action: str | None = None) -> list[Vector]:
        return self._embedder.embed(texts)
