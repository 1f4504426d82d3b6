"""Wiring of the models: embedder, LLM and tokenizer, as the settings name them."""

from __future__ import annotations

from functools import cached_property

from pydantic import SecretStr

from afterword.workers.models.embedders.factory import build_embedder, limits_of
from afterword.workers.models.embedders.limits import EmbeddingLimits
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.models.llms.factory import build_llm
from afterword.workers.models.llms.port import Llm
from afterword.workers.models.tokenizers.factory import build_tokenizer
from afterword.workers.models.tokenizers.port import Tokenizer
from afterword.workers.runtime.wiring.ground import Ground


class ModelRoom:
    """The models of a process. Each raises Misconfigured when the settings name one that cannot be had."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder, behind a cache of its vectors."""
        settings = self._ground.settings
        return build_embedder(
            provider=settings.embedder,
            model=settings.embedder_model,
            dimensions=settings.embedder_dimensions,
            base_url=settings.embedder_base_url,
            api_key=_revealed(settings.embedder_api_key),
            timeout=settings.embedder_timeout,
            limits=self.embedding_limits,
            cache=self.vector_cache,
            metrics=self._ground.metrics,
        )

    @cached_property
    def vector_cache(self) -> VectorCache:
        """The vectors that this process keeps, of whatever it embeds."""
        settings = self._ground.settings
        return VectorCache(texts=settings.embedder_cache, max_bytes=settings.embedder_cache_bytes)

    @cached_property
    def embedding_limits(self) -> EmbeddingLimits:
        """What the embedder takes, as set, known and learned."""
        settings = self._ground.settings
        return limits_of(
            settings.embedder,
            settings.embedder_model,
            inputs=settings.embedder_inputs,
            tokens=settings.embedder_tokens,
        )

    @cached_property
    def llm(self) -> Llm | None:
        """The LLM that extracts facts; None in verbatim mode."""
        settings = self._ground.settings
        return build_llm(
            provider=settings.llm,
            model=settings.llm_model,
            base_url=settings.llm_base_url,
            api_key=_revealed(settings.llm_api_key),
            timeout=settings.llm_timeout,
        )

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Counts the tokens of a context."""
        return build_tokenizer(self._ground.settings.tokenizer)


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
