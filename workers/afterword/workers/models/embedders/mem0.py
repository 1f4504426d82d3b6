"""Any embedder that mem0 knows, by mem0's name for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afterword.workers.core.errors import EmbeddingFailed, Misconfigured
from afterword.workers.models import mem0_environment
from afterword.workers.models.bounded_calls import BoundedCalls, GivenUp
from afterword.workers.models.client_errors import status_of, words_of
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.embedders.refusals import failed
from afterword.workers.models.environment import only_variables_of
from afterword.workers.models.providers import EMBEDDERS, Endpoint, config_of


class Mem0Embedder:
    """A provider of mem0's embedder factory; as thread-safe as that provider's client.

    A request takes `timeout` seconds at most, whatever that client waits for.
    """

    def __init__(
        self,
        provider: str,
        *,
        model: str | None = None,
        endpoint: Endpoint | None = None,
        dimensions: int | None = None,
        timeout: float,
    ) -> None:
        """Raises: Misconfigured, for an unknown provider, a missing package or settings the provider refuses."""
        self._provider = provider
        self._calls: BoundedCalls[list[Vector]] = BoundedCalls("mem0-embedder", seconds=timeout)
        self._embedding = _created(provider, model, dimensions, endpoint or Endpoint(), timeout)
        used = str(self._embedding.config.model)
        # mem0's own defaults for the dimensions are guesses for some providers.
        self._identity = EmbedderIdentity(f"mem0:{provider}", used, dimensions or len(self._run(["dimensions"])[0]))

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, as the provider gives them. Raises: RequestRefused, EmbeddingFailed."""
        return self._run(list(texts)) if texts else []

    def _run(self, texts: list[str]) -> list[Vector]:
        try:
            return self._calls.run(lambda: [_listed(each) for each in self._embedding.embed_batch(texts, "add")])
        except GivenUp as error:
            raise EmbeddingFailed(f"mem0:{self._provider}: {error}") from None
        except Exception as error:  # a provider's library may raise anything
            status = status_of(error)
            said = f"mem0:{self._provider}: {type(error).__name__}" + (f" {status}" if status else "")
            raise failed(said, status=status, words=words_of(error), texts=texts) from error


def _listed(vector: Any) -> Vector:
    # Some providers give nothing for a text that they will not embed.
    return [] if vector is None else list(vector)


def _created(provider: str, model: str | None, dimensions: int | None, endpoint: Endpoint, timeout: float) -> Any:
    mem0_environment.prepare()
    from mem0.utils.factory import EmbedderFactory

    known = sorted(EmbedderFactory.provider_to_class)
    if provider not in known:
        raise Misconfigured(f"mem0 knows no embedder {provider!r}; it knows {', '.join(known)}")
    config = {"model": model, "embedding_dims": dimensions, **config_of(EMBEDDERS, provider, endpoint)}
    making: BoundedCalls[Any] = BoundedCalls("mem0-embedder", seconds=max(60.0, timeout))  # it may load a model

    def make() -> Any:
        with only_variables_of(EMBEDDERS[provider].reads):
            return EmbedderFactory.create(provider, config, None)

    try:
        return making.run(make)
    except Exception as error:  # as above: a missing package, a missing key, an unreachable endpoint
        raise Misconfigured(f"mem0:{provider} cannot be used: {error}") from error
