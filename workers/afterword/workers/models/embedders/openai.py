"""Embeddings of any endpoint that speaks OpenAI's API: OpenAI, Ollama, vLLM, LiteLLM and others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from math import nan
from typing import Final

import openai
from pydantic import BaseModel, ValidationError

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.client_errors import status_of, words_of
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.embedders.refusals import failed
from afterword.workers.models.environment import only_variables_of

OPENAI_URL: Final = "https://api.openai.com/v1"
"""Given to the client where no other URL is set: without one, it would look into the environment by itself."""

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _EmbeddingsBody(BaseModel):
    data: list[_Item]


class _OddItem(BaseModel):
    index: int
    embedding: list[float | None] | None = None


class _OddEmbeddingsBody(BaseModel):
    """The form in which some servers say that a text has no vector: null, or numbers that are null."""

    data: list[_OddItem]


class OpenAIEmbedder:
    """One request a call. Thread-safe; never retries by itself; a request takes `timeout` seconds in all at most.

    Without `dimensions` a model that is not OpenAI's is asked once for an embedding to learn them.
    """

    def __init__(
        self, model: str, *, api_key: str, base_url: str | None = None, dimensions: int | None = None, timeout: float
    ) -> None:
        with only_variables_of(()):
            self._client = openai.AsyncOpenAI(
                api_key=api_key, base_url=base_url or OPENAI_URL, timeout=timeout, max_retries=0
            )
        self._model = model
        self._timeout = timeout
        self._asked: int | openai.Omit = openai.omit if dimensions is None else dimensions
        self._dimensions = dimensions or _DIMENSIONS.get(model)
        self._lock = threading.Lock()
        # A client's own timeouts hold per read; only cancelling keeps a deadline. One loop for all calls keeps the
        # connections open between them.
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="openai-embedder", daemon=True).start()

    @property
    def identity(self) -> EmbedderIdentity:
        """Raises: EmbeddingFailed, when the endpoint has to be asked and does not answer."""
        with self._lock:
            if self._dimensions is None:
                self._dimensions = len(self._request(["dimensions"])[0])
        return EmbedderIdentity("openai", self._model, self._dimensions)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text; NaN where the endpoint gave no number. Raises: RequestRefused, EmbeddingFailed."""
        return self._request(list(texts)) if texts else []

    def _request(self, texts: list[str]) -> list[Vector]:
        try:
            body = asyncio.run_coroutine_threadsafe(self._ask(texts), self._loop).result()
        except TimeoutError:
            raise EmbeddingFailed(f"{self._model}: no answer within {self._timeout:g} seconds") from None
        except openai.OpenAIError as error:
            # Its message may repeat the key or the texts, and it holds the request: it goes no further.
            said, status = f"{self._model}: {_reason(error)}", status_of(error)
            raise failed(said, status=status, words=words_of(error), texts=texts) from None
        vectors = _vectors(body)
        if vectors is None:
            raise EmbeddingFailed(f"{self._model}: the endpoint did not answer with embeddings")
        if len(vectors) != len(texts):
            raise EmbeddingFailed(f"{self._model}: {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def _ask(self, texts: list[str]) -> str:
        async with asyncio.timeout(self._timeout):
            response = await self._client.embeddings.with_raw_response.create(
                model=self._model,
                input=texts,
                dimensions=self._asked,
                encoding_format="float",  # not every endpoint knows the client's default, base64
            )
        return response.text


def _reason(error: openai.OpenAIError) -> str:
    told = [type(error).__name__]
    if isinstance(error, openai.APIStatusError):
        told += [str(error.status_code), *([error.code] if error.code else [])]
    return " ".join(told)


def _vectors(body: str) -> list[Vector] | None:
    """The vectors of an answer, in the order of the texts; None when the body holds no embeddings."""
    try:
        items = _EmbeddingsBody.model_validate_json(body).data
        return [item.embedding for item in sorted(items, key=lambda item: item.index)]
    except ValidationError:
        return _odd_vectors(body)


def _odd_vectors(body: str) -> list[Vector] | None:
    try:
        items = sorted(_OddEmbeddingsBody.model_validate_json(body).data, key=lambda item: item.index)
    except ValidationError:
        return None
    # A text without a vector gets as many NaN as the others have numbers, and is shortened or given up by `fitting`.
    size = max((len(item.embedding or ()) for item in items), default=0)
    return [[nan if value is None else value for value in item.embedding or [None] * size] for item in items]
