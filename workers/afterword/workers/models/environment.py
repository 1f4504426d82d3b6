"""Hides the variables of other vendors from a model vendor's library while it is set up.

A library looks for its keys and endpoints by itself. One that speaks OpenAI's API to another vendor finds OpenAI's key
that way, and would send it to that vendor.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

_LOCK: Final = threading.RLock()

VENDORS: Final = (
    *("OPENAI_", "OPENROUTER_", "AZURE_", "LLM_AZURE_", "EMBEDDING_AZURE_", "ANTHROPIC_", "GROQ_", "TOGETHER_", "AWS_"),
    *("BEDROCK_", "GOOGLE_", "GEMINI_", "VERTEX", "DEEPSEEK_", "MINIMAX_", "XAI_", "SARVAM_", "VLLM_", "OLLAMA_"),
    *("HUGGINGFACE_", "HF_", "LMSTUDIO_", "LM_STUDIO_", "LITELLM_", "LANGCHAIN_", "LANGSMITH_", "MISTRAL_", "COHERE_"),
    *("CO_API_", "FIREWORKS_", "PERPLEXITY_", "NVIDIA_", "DASHSCOPE_", "MOONSHOT_", "ZHIPU", "VOYAGE_", "JINA_"),
    *("REPLICATE_", "CEREBRAS_", "DATABRICKS_", "WATSONX_", "CLOUDFLARE_", "GITHUB_TOKEN"),
)
"""Beginnings of the variables of model vendors. Proxies and certificates are nobody's, and stay visible to all."""


@contextmanager
def only_variables_of(prefixes: Sequence[str]) -> Iterator[None]:
    """Within the block the environment holds no vendor's variables but those that begin with one of these prefixes.

    The environment belongs to the whole process, so blocks exclude each other. Build a client within one, and call it
    outside.
    """
    with _LOCK:
        hidden = {name: value for name, value in os.environ.items() if _is_foreign(name, prefixes)}
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(hidden)


def _is_foreign(name: str, prefixes: Sequence[str]) -> bool:
    upper = name.upper()
    return upper.startswith(VENDORS) and not upper.startswith(tuple(prefixes))
