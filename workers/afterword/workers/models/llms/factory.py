"""The LLM that the settings name."""

from __future__ import annotations

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.llms.port import Llm
from afterword.workers.models.providers import Endpoint


def build_llm(
    *, provider: str, model: str, base_url: str | None = None, api_key: str | None = None, timeout: float
) -> Llm | None:
    """The LLM of `openai` or `mem0:<provider>`; None for `none`. Loads the libraries of that provider only.

    Raises: Misconfigured, naming the setting and the mend.
    """
    if provider == "none":
        return None
    if base_url and not base_url.startswith(("http://", "https://")):
        raise Misconfigured("AFTERWORD_LLM_BASE_URL must start with http:// or https://")
    if provider == "openai":
        return _openai(model, base_url, api_key, timeout)
    family, _, name = provider.partition(":")
    if family == "mem0" and name:
        from afterword.workers.models.llms.mem0 import Mem0Llm

        return Mem0Llm(name, model, endpoint=Endpoint(base_url, api_key), timeout=timeout)
    raise Misconfigured("AFTERWORD_LLM must be openai, mem0:<provider> or none")


def _openai(model: str, base_url: str | None, api_key: str | None, timeout: float) -> Llm:
    if not api_key and not base_url:
        raise Misconfigured(
            "AFTERWORD_LLM=openai needs OPENAI_API_KEY (or AFTERWORD_LLM_API_KEY), or the AFTERWORD_LLM_BASE_URL of an "
            "endpoint that takes no key; AFTERWORD_LLM=none keeps excerpts only"
        )
    from afterword.workers.models.llms.openai import OpenAILlm

    return OpenAILlm(model, api_key=api_key, base_url=base_url, timeout=timeout)
