"""Embeddings of any endpoint that speaks OpenAI's API: OpenAI, Ollama, vLLM, LiteLLM and others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import openai

from afterword.workers.errors import EmbeddingFailed
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


class OpenAIEmbedder:
    """Thread-safe; never retries by itself.

    Without `dimensions` a model that is not OpenAI's is asked once for an embedding to learn them. `timeout` is in
    seconds and holds for each step of a request (connect, send, wait).
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None = None,
        dimensions: int | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._client = openai.OpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)
        self._model = model
        self._asked: int | openai.Omit = openai.omit if dimensions is None else dimensions
        self._dimensions = dimensions or _DIMENSIONS.get(model)
        self._lock = threading.Lock()

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
            answer = self._client.embeddings.create(
                model=self._model,
                input=texts,
                dimensions=self._asked,
                encoding_format="float",  # not every endpoint knows the client's default, base64
            )
        except openai.OpenAIError as error:
            raise EmbeddingFailed(f"{self._model}: {error}") from error
        if len(answer.data) != len(texts):
            raise EmbeddingFailed(f"{self._model}: {len(answer.data)} vectors for {len(texts)} texts")
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]


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
