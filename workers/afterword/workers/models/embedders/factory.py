"""The embedder that the settings name."""

from __future__ import annotations

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.layers import CachingEmbedder, TimedEmbedder
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.observing.metrics import Metrics

_OPENAI_MODEL = "text-embedding-3-small"
_FASTEMBED_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
_HASHING_DIMENSIONS = 512
_CACHED_TEXTS = 2_000


def build_embedder(
    *,
    provider: str,
    model: str | None = None,
    dimensions: int | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = 10.0,
    cached: int = _CACHED_TEXTS,
    metrics: Metrics | None = None,
) -> Embedder:
    """An embedder by its provider: "openai", "fastembed", "hashing" or "mem0:<provider of mem0>".

    `timeout` is in seconds; `cached` is how many texts' vectors are kept in memory; requests are counted in `metrics`.

    Raises: Misconfigured, saying what to do.
    """
    metrics = metrics or Metrics()
    uncached = _uncached(
        provider=provider, model=model, dimensions=dimensions, base_url=base_url, api_key=api_key, timeout=timeout
    )
    return CachingEmbedder(TimedEmbedder(uncached, metrics), cached, metrics)


def _uncached(
    *,
    provider: str,
    model: str | None,
    dimensions: int | None,
    base_url: str | None,
    api_key: str | None,
    timeout: float,
) -> Embedder:
    # Each provider's library is imported only where it is used: some take seconds.
    match provider.partition(":"):
        case ("hashing", "", ""):
            return HashingEmbedder(dimensions or _HASHING_DIMENSIONS)
        case ("openai", "", ""):
            return _openai(model or _OPENAI_MODEL, dimensions, base_url, api_key, timeout)
        case ("fastembed", "", ""):
            from afterword.workers.models.embedders.fastembed import FastembedEmbedder

            return FastembedEmbedder(model or _FASTEMBED_MODEL)
        case ("mem0", ":", name) if name:
            from afterword.workers.models.embedders.mem0 import Mem0Embedder

            return Mem0Embedder(name, model=model, api_key=api_key, base_url=base_url, dimensions=dimensions)
    raise Misconfigured(f"embedder provider {provider!r}: use openai, fastembed, hashing or mem0:<provider>")


def _openai(model: str, dimensions: int | None, base_url: str | None, api_key: str | None, timeout: float) -> Embedder:
    from afterword.workers.models.embedders.openai import OpenAIEmbedder

    if api_key is None and base_url is None:
        raise Misconfigured("the OpenAI embedder needs an API key, or the base URL of an endpoint that needs none")
    return OpenAIEmbedder(model, api_key=api_key or "none", base_url=base_url, dimensions=dimensions, timeout=timeout)
