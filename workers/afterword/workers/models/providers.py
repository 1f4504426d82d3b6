"""Whose key goes where: the providers that mem0 knows, the variables that are theirs, and how mem0 is told.

OpenAI's variables are defaults of OpenAI alone. Each provider's own variables are read here and handed to mem0
explicitly; anything a library would find by itself is hidden from it (see `environment`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from afterword.workers.core.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Provider:
    """How a provider is told its key and its endpoint.

    `keys` and `urls` are its own variables; the first that is set wins. `url_field` is mem0's name for the endpoint;
    None means that mem0 accepts none. `home` is where requests go by default. `reads` are beginnings of other variables
    that its library needs (credentials in several parts). `placeholder` is the key for an endpoint that needs none.
    """

    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    url_field: str | None = None
    home: str = ""
    reads: tuple[str, ...] = ()
    placeholder: str | None = None
    shape: Literal["plain", "azure"] = "plain"


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """Where requests go, and with which key; None is left to the provider."""

    base_url: str | None = None
    api_key: str | None = None


_OPENAI = Provider(
    keys=("OPENAI_API_KEY",),
    urls=("OPENAI_BASE_URL",),
    url_field="openai_base_url",
    home="https://api.openai.com/v1",
    placeholder="none",
)
# Bedrock's credentials come in several parts, which its library reads by itself.
_AWS = Provider(home="AWS Bedrock", reads=("AWS_", "BEDROCK_"))
_LM_STUDIO = Provider(url_field="lmstudio_base_url", home="http://localhost:1234/v1", placeholder="lm-studio")
_LANGCHAIN = Provider(reads=("LANGCHAIN_", "LANGSMITH_"))
_AZURE_LLM = Provider(
    keys=("LLM_AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"),
    urls=("LLM_AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT"),
    url_field="azure_endpoint",
    reads=("AZURE_", "LLM_AZURE_", "OPENAI_API_VERSION"),
    shape="azure",
)
_GEMINI = Provider(
    keys=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    home="https://generativelanguage.googleapis.com",
    reads=("GOOGLE_", "GEMINI_"),
)
_TOGETHER = Provider(keys=("TOGETHER_API_KEY",), home="https://api.together.xyz/v1", reads=("TOGETHER_",))
_OLLAMA = Provider(
    keys=("OLLAMA_API_KEY",),
    urls=("OLLAMA_HOST",),
    url_field="ollama_base_url",
    home="http://localhost:11434",
    reads=("OLLAMA_API_KEY",),
)

LLMS: Final[Mapping[str, Provider]] = {
    "anthropic": Provider(
        keys=("ANTHROPIC_API_KEY",),
        urls=("ANTHROPIC_BASE_URL",),
        url_field="anthropic_base_url",
        home="https://api.anthropic.com",
        placeholder="none",
    ),
    "aws_bedrock": _AWS,
    "azure_openai": _AZURE_LLM,
    "azure_openai_structured": _AZURE_LLM,
    "deepseek": Provider(
        ("DEEPSEEK_API_KEY",), ("DEEPSEEK_API_BASE",), "deepseek_base_url", "https://api.deepseek.com", (), "none"
    ),
    "gemini": _GEMINI,
    "groq": Provider(keys=("GROQ_API_KEY",), home="https://api.groq.com", reads=("GROQ_",)),
    "langchain": _LANGCHAIN,
    # It picks the vendor by the model's name at each call, and reads that vendor's variables then.
    "litellm": Provider(home="the vendor that the model's name begins with"),
    "lmstudio": _LM_STUDIO,
    "minimax": Provider(
        ("MINIMAX_API_KEY",), ("MINIMAX_API_BASE",), "minimax_base_url", "https://api.minimax.io/v1", (), "none"
    ),
    "ollama": _OLLAMA,
    "openai": _OPENAI,
    "openai_structured": _OPENAI,
    "sarvam": Provider(keys=("SARVAM_API_KEY",), home="https://api.sarvam.ai/v1", reads=("SARVAM_",)),
    "together": _TOGETHER,
    "vllm": Provider(
        ("VLLM_API_KEY",), ("VLLM_BASE_URL",), "vllm_base_url", "http://localhost:8000/v1", (), "vllm-api-key"
    ),
    "xai": Provider(("XAI_API_KEY",), ("XAI_API_BASE",), "xai_base_url", "https://api.x.ai/v1", (), "none"),
}

EMBEDDERS: Final[Mapping[str, Provider]] = {
    "aws_bedrock": _AWS,
    "azure_openai": replace(
        _AZURE_LLM,
        keys=("EMBEDDING_AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"),
        urls=("EMBEDDING_AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT"),
        reads=("AZURE_", "EMBEDDING_AZURE_", "OPENAI_API_VERSION"),
    ),
    "fastembed": Provider(home="this machine", reads=("HF_",)),
    "gemini": _GEMINI,
    "huggingface": Provider(
        keys=("HUGGINGFACE_API_KEY",),
        url_field="huggingface_base_url",
        home="this machine",
        reads=("HF_",),
        placeholder="hf",
    ),
    "langchain": _LANGCHAIN,
    "lmstudio": _LM_STUDIO,
    "ollama": _OLLAMA,
    "openai": replace(_OPENAI, urls=("OPENAI_API_BASE", "OPENAI_BASE_URL")),
    "together": _TOGETHER,
    "vertexai": Provider(home="Vertex AI", reads=("GOOGLE_", "VERTEX")),
}


def provider_of(table: Mapping[str, Provider], setting: str) -> Provider | None:
    """The provider that AFTERWORD_LLM or AFTERWORD_EMBEDDER names; None for one without endpoint, or an unknown one.

    >>> provider_of(LLMS, "mem0:deepseek").keys
    ('DEEPSEEK_API_KEY',)
    """
    family, _, name = setting.partition(":")
    if family == "openai" and not name:
        return _OPENAI
    return table.get(name) if family == "mem0" else None


def own_endpoint(provider: Provider, environment: Mapping[str, str], *, base_url: str | None = None) -> Endpoint:
    """The endpoint and key in a provider's own variables. `base_url` is an endpoint that is set instead, if there is
    one: the provider's own key is left out then, unless that is the provider's host after all.

    >>> own_endpoint(LLMS["ollama"], {"OLLAMA_HOST": "gpu:11434", "OPENAI_BASE_URL": "http://elsewhere"}).base_url
    'http://gpu:11434'
    """
    own_url = _first(provider.urls, environment)
    # OLLAMA_HOST may name a host and a port alone.
    if own_url and "://" not in own_url:
        own_url = f"http://{own_url}"
    elsewhere = base_url is not None and _host(base_url) not in (_host(own_url or provider.home), _host(provider.home))
    return Endpoint(own_url, None if elsewhere else _first(provider.keys, environment))


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def destination(table: Mapping[str, Provider], setting: str, endpoint: Endpoint) -> str | None:
    """Which host gets which key, in words for people; None where nothing leaves this process.

    >>> destination(LLMS, "mem0:deepseek", Endpoint(None, "sk-0123456789abcd"))
    'api.deepseek.com gets the key ••••abcd'
    """
    provider = provider_of(table, setting)
    if provider is None:
        return None
    where = endpoint.base_url or provider.home
    return f"{_host(where)} gets {masked(endpoint.api_key)}"


def masked(key: str | None) -> str:
    """A key in a form that may be shown: its last four characters, if the key is long enough to stay secret."""
    if not key:
        return "no key"
    return f"the key ••••{key[-4:]}" if len(key) >= 12 else "the key ••••"


def _host(url: str) -> str:
    """Never the whole URL: its user, path or query may hold a key."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "an address that is none"


def config_of(table: Mapping[str, Provider], name: str, endpoint: Endpoint) -> dict[str, Any]:
    """The part of mem0's configuration that says where requests go and with which key.

    Raises: Misconfigured, for a base URL or a key where mem0 takes none.
    """
    provider = table[name]
    if endpoint.base_url and provider.url_field is None:
        takers = ", ".join(each for each, other in table.items() if other.url_field)
        raise Misconfigured(f"mem0:{name} takes no base URL; those who do: {takers}")
    if provider.shape == "azure":
        said = {"api_key": endpoint.api_key, "azure_endpoint": endpoint.base_url}
        return {"azure_kwargs": {field: value for field, value in said.items() if value}}
    config: dict[str, Any] = {}
    # `home` may be words for people ("this machine"), which are no address.
    if provider.url_field and (base_url := endpoint.base_url or provider.home).startswith("http"):
        config[provider.url_field] = base_url
    # A placeholder only where an endpoint is set: for the vendor's own, a missing key must stay an error.
    key = endpoint.api_key or (provider.placeholder if endpoint.base_url else None)
    if key and name not in ("aws_bedrock",):
        config["api_key"] = key
    return config
