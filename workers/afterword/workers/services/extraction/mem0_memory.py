"""mem0, entered by injection: its `Memory` with our LLM, embedder, store view and no history.

Everything that Afterword assumes about mem0's insides is in this file; a contract test notices when mem0 changes.
`Memory.add` calls, in this order: `vector_store.search` (the memories it knows), `llm.generate_response` (once),
`embedding_model.embed_batch`, `vector_store.insert`. It swallows what embedder and store raise, so both keep the
first error for whoever called `add`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

from afterword.workers.models.mem0_environment import prepare

prepare()

from mem0.exceptions import LLMError, VectorStoreError  # noqa: E402  # mem0 reads its environment when imported
from mem0.memory.main import Memory  # noqa: E402

from afterword.workers.models.embedders.port import Embedder, Vector, embed_each  # noqa: E402
from afterword.workers.services.extraction.known import Existing  # noqa: E402

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The three points at which `add` calls us, in this order.

    `known` finds the memories the LLM is shown, by the vector of the whole batch; `answer` gives the texts to
    remember; `write` stores their vectors, by text; None for one that the embedder refuses.
    """

    known: Callable[[Vector], Sequence[Existing]]
    answer: Callable[[Sequence[Existing]], Sequence[str]]
    write: Callable[[Mapping[str, Vector | None]], None]


_QUERY_CHARACTERS = 4_000
"""About 1,000 tokens: the end of a batch, which any embedding model takes."""

# mem0 wants an owner without white space in it; whose the memories are, the hooks know.
_OWNER = "subject"


def add(messages: Sequence[Mapping[str, str]], *, embedder: Embedder, hooks: Hooks) -> None:
    """Run `Memory.add` over the hooks.

    Raises: whatever a hook or the embedder raised first.
    """
    memory = _InjectedMemory(embedder, hooks)
    try:
        memory.add([dict(message) for message in messages], user_id=_OWNER)
    except LLMError as error:
        raise error.__cause__ or error from None
    except VectorStoreError:
        memory.raise_first()
        raise
    memory.raise_first()


class _InjectedMemory(Memory):  # type: ignore[misc]  # mem0 ships no types
    """Built per extraction: it is nothing but attributes."""

    def __init__(self, embedder: Embedder, hooks: Hooks) -> None:
        errors: list[BaseException] = []
        store = _Store(hooks, errors)
        self.config = SimpleNamespace(
            llm=SimpleNamespace(config={}),
            vector_store=SimpleNamespace(provider="afterword", config=SimpleNamespace()),
        )
        self.embedding_model = _Embedding(embedder, errors)
        self.vector_store = store
        self.llm = _Llm(hooks, store)
        self.db = _NoHistory()
        self.collection_name = "afterword"
        self.api_version = "v1.1"
        self.custom_instructions = None
        self.reranker = None
        self._entity_store = _NoEntities()
        self._errors = errors

    def raise_first(self) -> None:
        if self._errors:
            raise self._errors[0]


class _Llm:
    def __init__(self, hooks: Hooks, store: _Store) -> None:
        self._hooks = hooks
        self._store = store

    def generate_response(self, messages: Any, response_format: Any = None) -> str:
        """mem0 parses what it is given: the checked texts, in mem0's own form."""
        texts = self._hooks.answer(self._store.known)
        answer = json.dumps({"memory": [{"id": str(n), "text": text} for n, text in enumerate(texts)]})
        # mem0 cuts <think> out of whatever it is given, a fact's own words included.
        return answer.replace("<", "\\u003c")


class _Embedding:
    def __init__(self, embedder: Embedder, errors: list[BaseException]) -> None:
        self._embedder = embedder
        self._errors = errors

    def embed(self, text: str, memory_action: str | None = None) -> Vector | None:
        """mem0 embeds a whole batch to find what is known of it: its end serves, and every model takes that much."""
        return self.embed_batch([text[-_QUERY_CHARACTERS:]])[0]

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> list[Vector | None]:
        return _noting(self._errors, lambda: embed_each(self._embedder, texts))


class _Store:
    def __init__(self, hooks: Hooks, errors: list[BaseException]) -> None:
        self._hooks = hooks
        self._errors = errors
        self.known: Sequence[Existing] = ()

    def search(self, query: str, vectors: Vector | None, top_k: int, filters: Any) -> list[Any]:
        """Of a batch whose end the embedder refuses nothing is known: duplicates are told when they are written."""
        self.known = () if vectors is None else _noting(self._errors, lambda: self._hooks.known(vectors))
        # Without the hash that mem0 looks for: duplicates are told by owner, when they are written.
        return [SimpleNamespace(id=memory.id, payload={"data": memory.text}, score=0.0) for memory in self.known]

    def insert(
        self, vectors: Sequence[Vector | None], payloads: Sequence[Mapping[str, Any]], ids: Sequence[str]
    ) -> None:
        found = {payload["data"]: vector for payload, vector in zip(payloads, vectors, strict=True)}
        _noting(self._errors, lambda: self._hooks.write(found))


def _noting(errors: list[BaseException], call: Callable[[], _T]) -> _T:
    """Call, keeping the first error; after one, nothing more is tried: mem0 would try every record by itself."""
    if errors:
        raise errors[0]
    try:
        return call()
    except BaseException as error:
        errors.append(error)
        raise


class _NoHistory:
    """mem0's SQLite history, replaced by nothing: it keeps raw chat after an erasure."""

    def get_last_messages(self, session_scope: str, limit: int = 10) -> list[Any]:
        return []

    def save_messages(self, messages: Any, session_scope: str) -> None: ...

    def batch_add_history(self, records: Any) -> None: ...


class _NoEntities:
    """mem0's entity store, replaced by nothing: our recall does not use it."""

    def search_batch(self, queries: Any, vectors_list: Sequence[Any], top_k: int, filters: Any) -> list[list[Any]]:
        return [[] for _ in vectors_list]

    def list(self, filters: Any = None, top_k: int | None = None) -> list[list[Any]]:
        return [[]]

    def insert(self, vectors: Any, payloads: Any, ids: Any) -> None: ...
