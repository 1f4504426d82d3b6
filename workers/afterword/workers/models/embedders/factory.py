"""The embedder that the settings name."""

from __future__ import annotations

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.fitting import FittingEmbedder
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.layers import CachingEmbedder, TimedEmbedder
from afterword.workers.models.embedders.limits import EmbeddingLimits
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.models.providers import Endpoint
from afterword.workers.observing.metrics import Metrics

_DEFAULT_MODELS = {
    "openai": "text-embedding-3-small",
    "fastembed": "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
}
_HASHING_DIMENSIONS = 512


def limits_of(
    provider: str, model: str | None, *, inputs: int | None = None, tokens: int | None = None
) -> EmbeddingLimits:
    """The limits that are set, else those that the model is known for."""
    return EmbeddingLimits(model or _DEFAULT_MODELS.get(provider, provider), inputs=inputs, tokens=tokens)


def build_embedder(
    *,
    provider: str,
    model: str | None = None,
    dimensions: int | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 10.0,
    limits: EmbeddingLimits | None = None,
    cache: VectorCache | None = None,
    metrics: Metrics | None = None,
) -> Embedder:
    """An embedder by its provider: "openai", "fastembed", "hashing" or "mem0:<provider of mem0>".

    `timeout` is in seconds; `cache` keeps vectors in memory; requests are counted in `metrics`.

    Raises: Misconfigured, saying what to do.
    """
    metrics, cache = metrics or Metrics(), cache or VectorCache()
    asked = TimedEmbedder(_uncached(provider, model, dimensions, Endpoint(base_url, api_key), timeout), metrics)
    if provider == "hashing":  # it takes whatever it is given
        return CachingEmbedder(asked, cache, metrics)
    return CachingEmbedder(FittingEmbedder(asked, limits or limits_of(provider, model), metrics), cache, metrics)


def _uncached(provider: str, model: str | None, dimensions: int | None, endpoint: Endpoint, timeout: float) -> Embedder:
    # Each provider's library is imported only where it is used: some take seconds.
    match provider.partition(":"):
        case ("hashing", "", ""):
            return HashingEmbedder(dimensions or _HASHING_DIMENSIONS)
        case ("openai", "", ""):
            return _openai(model or _DEFAULT_MODELS[provider], dimensions, endpoint, timeout)
        case ("fastembed", "", ""):
            from afterword.workers.models.embedders.fastembed import FastembedEmbedder

            return FastembedEmbedder(model or _DEFAULT_MODELS[provider])
        case ("mem0", ":", name) if name:
            from afterword.workers.models.embedders.mem0 import Mem0Embedder

            return Mem0Embedder(name, model=model, endpoint=endpoint, dimensions=dimensions, timeout=timeout)
    raise Misconfigured("AFTERWORD_EMBEDDER: use openai, fastembed, hashing or mem0:<provider>")


def _openai(model: str, dimensions: int | None, endpoint: Endpoint, timeout: float) -> Embedder:
    from afterword.workers.models.embedders.openai import OpenAIEmbedder

    if endpoint.api_key is None and endpoint.base_url is None:
        raise Misconfigured("the OpenAI embedder needs an API key, or the base URL of an endpoint that needs none")
    return OpenAIEmbedder(
        model, api_key=endpoint.api_key or "none", base_url=endpoint.base_url, dimensions=dimensions, timeout=timeout
    )
