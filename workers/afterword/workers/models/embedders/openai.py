"""Embeddings of any endpoint that speaks OpenAI's API: OpenAI, Ollama, vLLM, LiteLLM and others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import openai
from pydantic import BaseModel, ValidationError

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector

MAX_INPUTS = 256
MAX_CHARACTERS = 8_000
"""A text is cut here: at one token a character, as in Chinese, it still fits the 8,191 tokens of OpenAI's models."""

_MAX_BATCH_CHARACTERS = 250_000  # OpenAI takes 300,000 tokens a request
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


class OpenAIEmbedder:
    """Thread-safe; never retries by itself; a request takes `timeout` seconds in all at most.

    Without `dimensions` a model that is not OpenAI's is asked once for an embedding to learn them.
    """

    def __init__(
        self, model: str, *, api_key: str, base_url: str | None = None, dimensions: int | None = None, timeout: float
    ) -> None:
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)
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
        """One vector per text; a text longer than MAX_CHARACTERS is cut. Raises: EmbeddingFailed."""
        dimensions = self.identity.dimensions
        vectors = [vector for batch in _batches(texts) for vector in self._request(batch)]
        if any(len(vector) != dimensions for vector in vectors):
            raise EmbeddingFailed(f"{self._model}: vectors do not have the {dimensions} dimensions expected")
        return vectors

    def _request(self, texts: list[str]) -> list[Vector]:
        try:
            body = asyncio.run_coroutine_threadsafe(self._ask(texts), self._loop).result()
            items = _EmbeddingsBody.model_validate_json(body).data
        except TimeoutError:
            raise EmbeddingFailed(f"{self._model}: no answer within {self._timeout:g} seconds") from None
        except openai.OpenAIError as error:
            # Its message may repeat the key or the texts, and it holds the request: it goes no further.
            raise EmbeddingFailed(f"{self._model}: {_reason(error)}") from None
        except ValidationError:
            raise EmbeddingFailed(f"{self._model}: the endpoint did not answer with embeddings") from None
        if len(items) != len(texts):
            raise EmbeddingFailed(f"{self._model}: {len(items)} vectors for {len(texts)} texts")
        return [item.embedding for item in sorted(items, key=lambda item: item.index)]

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


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        cut = text[:MAX_CHARACTERS] if text.strip() else "-"  # an empty input is refused
        if batch and (len(batch) == MAX_INPUTS or characters + len(cut) > _MAX_BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(cut)
        characters += len(cut)
    if batch:
        yield batch
