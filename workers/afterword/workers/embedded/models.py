"""Which LLM and which embedder the embedded stack works with: what is at hand, said plainly."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider for `Settings`, and why it was chosen, in words for people."""

    provider: str
    said: str


def choose_llm(settings: Settings) -> Choice:
    """What the environment names, else none: verbatim mode."""
    if "AFTERWORD_LLM" in os.environ or settings.llm_api_key or settings.llm_base_url:
        where = settings.llm_base_url or "the provider's default endpoint"
        return Choice(settings.llm, f"{settings.llm_model} ({settings.llm}) at {where}")
    return Choice("none", "none (no OPENAI_API_KEY): verbatim mode, excerpts are kept and no facts are extracted")


def choose_embedder(settings: Settings) -> Choice:
    """What the environment names, else OpenAI's with a key, else fastembed where it works, else hashing."""
    if "AFTERWORD_EMBEDDER" in os.environ or settings.embedder_api_key:
        return Choice(settings.embedder, f"{settings.embedder} ({settings.embedder_model or 'its default model'})")
    if find_spec("fastembed") is not None:
        try:
            built = build_embedder(provider="fastembed", model=settings.embedder_model)
        except Misconfigured as error:
            return Choice("hashing", f"hashing: words and n-grams, no meaning (fastembed is installed but {error})")
        return Choice("fastembed", f"fastembed ({built.identity.model})")
    return Choice("hashing", "hashing: words and n-grams, no meaning (no OPENAI_API_KEY, no fastembed)")
