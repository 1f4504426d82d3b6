"""Any embedder that mem0 knows, by mem0's name for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afterword.workers.core.errors import EmbeddingFailed, Misconfigured
from afterword.workers.models import mem0_environment
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector

_BASE_URL = {
    "openai": "openai_base_url",
    "ollama": "ollama_base_url",
    "huggingface": "huggingface_base_url",
    "lmstudio": "lmstudio_base_url",
}


class Mem0Embedder:
    """A provider of mem0's embedder factory; as thread-safe as that provider's client."""

    def __init__(
        self,
        provider: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        dimensions: int | None = None,
    ) -> None:
        """Raises: Misconfigured, for an unknown provider, a missing package or settings the provider refuses."""
        self._provider = provider
        self._embedding = _created(provider, _config(provider, model, api_key, base_url, dimensions))
        used = str(self._embedding.config.model)
        # mem0's own defaults for the dimensions are guesses for some providers.
        self._identity = EmbedderIdentity(f"mem0:{provider}", used, dimensions or len(self._run(["dimensions"])[0]))

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text. Raises: EmbeddingFailed."""
        vectors = self._run(list(texts)) if texts else []
        if [len(vector) for vector in vectors] != [self._identity.dimensions] * len(texts):
            raise EmbeddingFailed(f"{self._identity}: not the vectors asked for")
        return vectors

    def _run(self, texts: list[str]) -> list[Vector]:
        try:
            return [list(vector) for vector in self._embedding.embed_batch(texts, "add")]
        except Exception as error:  # a provider's library may raise anything; all of it means the same here
            raise EmbeddingFailed(f"mem0:{self._provider}: {type(error).__name__}") from error


def _config(
    provider: str, model: str | None, api_key: str | None, base_url: str | None, dimensions: int | None
) -> dict[str, Any]:
    config: dict[str, Any] = {"model": model, "api_key": api_key, "embedding_dims": dimensions}
    if base_url is not None:
        if provider not in _BASE_URL:
            raise Misconfigured(f"mem0:{provider} takes no base URL; those who do: {', '.join(_BASE_URL)}")
        config[_BASE_URL[provider]] = base_url
    return config


def _created(provider: str, config: dict[str, Any]) -> Any:
    mem0_environment.prepare()
    from mem0.utils.factory import EmbedderFactory

    known = sorted(EmbedderFactory.provider_to_class)
    if provider not in known:
        raise Misconfigured(f"mem0 knows no embedder {provider!r}; it knows {', '.join(known)}")
    try:
        return EmbedderFactory.create(provider, config, None)
    except Exception as error:  # as above: a missing package, a missing key, an unreachable endpoint
        raise Misconfigured(f"mem0:{provider} cannot be used: {error}") from error
