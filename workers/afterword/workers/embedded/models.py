"""The LLM and the embedder of the embedded stack: the best that the machine and the environment offer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider for `Settings`, and why it was chosen, for the screen."""

    provider: str
    said: str


def settings_at_hand(settings: Settings) -> tuple[Settings, list[str]]:
    """The settings with the models that were chosen, and a line for the screen on each."""
    llm, embedder = choose_llm(settings), choose_embedder(settings)
    chosen = settings.model_copy(update={"llm": llm.provider, "embedder": embedder.provider})
    return chosen, [f"extractor  {llm.said}", f"embedder   {embedder.said}"]


def choose_llm(settings: Settings) -> Choice:
    """The LLM that the environment names, else none: verbatim mode."""
    if "AFTERWORD_LLM" in os.environ or settings.llm_api_key or settings.llm_base_url:
        where = _without_secrets(settings.llm_base_url) if settings.llm_base_url else "the provider's default endpoint"
        return Choice(settings.llm, f"{settings.llm_model} ({settings.llm}) at {where}")
    return Choice("none", "none (no OPENAI_API_KEY): verbatim mode, excerpts are kept and no facts are extracted")


def choose_embedder(settings: Settings) -> Choice:
    """The embedder that the environment names, else OpenAI's with a key, else fastembed if it works, else hashing."""
    if "AFTERWORD_EMBEDDER" in os.environ or settings.embedder_api_key:
        return Choice(settings.embedder, f"{settings.embedder} ({settings.embedder_model or 'its default model'})")
    if find_spec("fastembed") is not None:
        try:
            # Built and not only found: its model may have to be downloaded, and there may be no network.
            built = build_embedder(provider="fastembed", model=settings.embedder_model)
        except Misconfigured as error:
            return Choice("hashing", f"hashing: words and n-grams, no meaning (fastembed is installed but {error})")
        return Choice("fastembed", f"fastembed ({built.identity.model})")
    return Choice("hashing", "hashing: words and n-grams, no meaning (no OPENAI_API_KEY, no fastembed)")


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    # Shown on a screen: a password stands before the @, a key may stand in the query.
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
