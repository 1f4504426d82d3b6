"""Every setting of the workers, in one frozen object. Read from the environment, prefix `AFTERWORD_`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from afterword.schemas.limits import LimitsByName
from afterword.schemas.policies import KeepDays, KeptByName
from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.embedders.limits import KEPT_BYTES, KEPT_TEXTS
from afterword.workers.models.providers import EMBEDDERS, LLMS, own_endpoint, provider_of
from afterword.workers.runtime.mistakes import looks_like_a_key, mend_of_url
from afterword.workers.services.extraction.pricing import Price

_SCHEMES = {
    "redis_url": ("redis", "rediss", "unix"),
    "postgres_url": ("postgresql", "postgres", "postgresql+psycopg"),
}

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
# What is rolled up must not be gone before.
Days = Annotated[int, Field(ge=3)]


class Settings(BaseSettings):
    """The settings of the workers. Secrets never show in a repr or a log.

    >>> Settings(embedder="hashing", probe_port=0).embedder
    'hashing'
    """

    model_config = SettingsConfigDict(env_prefix="AFTERWORD_", frozen=True, extra="ignore", env_ignore_empty=True)

    # Servers
    redis_url: SecretStr = Field(SecretStr("redis://localhost:6379/0"), description="Redis, credentials included.")
    postgres_url: SecretStr = Field(
        SecretStr("postgresql://localhost/afterword"), description="PostgreSQL (the ledger), credentials included."
    )
    postgres_connections: Count = Field(10, description="PostgreSQL connections of a process, doubled at peaks.")
    qdrant_url: str | None = Field(None, description="A Qdrant server; without one, Qdrant Edge in `edge_path`.")
    qdrant_api_key: SecretStr | None = Field(None, description="The Qdrant server's API key.")
    qdrant_timeout: Seconds = Field(5.0, description="Seconds a request to Qdrant may take.")
    edge_path: Path | None = Field(None, description="Folder of the in-process vector store (one process only).")
    collection: str = Field("memories", description="The Qdrant collection of all memories.")

    # Memory as a whole
    memory_enabled: bool = Field(
        True, description="The master switch. Off: publishes are recorded as skipped, contexts are empty."
    )
    redact: str = Field(
        "",
        description="Rules that cut personal data out of texts before they are stored, with commas between them: "
        "`email`, `phone`, `card`, `key`, and entry points of the group `afterword.redactors`.",
    )

    # LLM
    llm: str = Field("openai", description="`openai` (any compatible endpoint), `mem0:<provider>`, or `none`.")
    llm_model: str = Field("gpt-5-mini", description="The model that extracts facts.")
    llm_base_url: str | None = Field(
        None, description="Base URL of the endpoint; by default the provider's own variable (`OPENAI_BASE_URL`)."
    )
    llm_api_key: SecretStr | None = Field(
        None, description="Key of the endpoint; by default the provider's own (`OPENAI_API_KEY`), for its own host."
    )
    llm_timeout: Seconds = Field(60.0, description="Seconds a call to the LLM may take in all.")

    # Embedder
    embedder: str = Field("openai", description="`openai`, `fastembed`, `hashing`, or `mem0:<provider>`.")
    embedder_model: str | None = Field(None, description="The embedding model; each provider has a default.")
    embedder_dimensions: Count | None = Field(None, description="Vector size, where the model lets it be chosen.")
    embedder_base_url: str | None = Field(
        None, description="Base URL of the endpoint; by default the provider's own variable (`OPENAI_BASE_URL`)."
    )
    embedder_api_key: SecretStr | None = Field(
        None, description="Key of the endpoint; by default the provider's own (`OPENAI_API_KEY`), for its own host."
    )
    embedder_timeout: Seconds = Field(10.0, description="Seconds an embedding request may take in all.")
    embedder_inputs: Count | None = Field(
        None, description="Texts an embedding request holds at most; each model has a default, and refusals lower it."
    )
    embedder_tokens: Count | None = Field(
        None,
        description="Tokens (estimated) of a text at most, the middle of a longer one left out; each model has a "
        "default, and refusals lower it.",
    )
    embedder_cache: int = Field(KEPT_TEXTS, ge=0, description="Texts whose vectors are kept in memory at most.")
    embedder_cache_bytes: int = Field(
        KEPT_BYTES, ge=0, description="Bytes of memory that those texts and their vectors take at most."
    )
    question_cache: int = Field(
        3600, ge=0, description="Seconds that vectors of questions are kept in Redis for all workers; 0: not at all."
    )

    # Ingest
    ingest_embedding: Seconds = Field(
        5.0, gt=0, description="Seconds that a new conversation waits for its vectors; after that a sweep adds them."
    )

    # Extraction
    extract_after: Seconds = Field(30.0, description="Seconds of silence of a subject before it is extracted.")
    extract_within: Seconds = Field(300.0, description="Seconds after its first event that a subject waits at most.")
    extract_at_tokens: Count = Field(4_000, description="New tokens of a subject that make it due at once.")
    batch_tokens: Count = Field(8_000, description="Tokens of conversation in one LLM call at most.")
    lease: Seconds = Field(6.0, gt=0, description="Seconds a claim on a subject holds unless it is renewed.")
    max_attempts: Count = Field(5, description="Failed extractions of a batch before it is dead.")
    retry_after: Seconds = Field(5.0, description="Seconds before the first retry; doubled each time.")
    retry_within: Seconds = Field(600.0, description="Seconds between retries at most.")
    max_hold: Seconds = Field(600.0, gt=0, description="Seconds after which a worker that hangs loses its subject.")
    breaker_failures: Count = Field(5, description="Failures of the LLM in a row that pause extraction everywhere.")
    breaker_after: Seconds = Field(5.0, gt=0, description="Seconds of the first pause; doubled each time.")
    breaker_within: Seconds = Field(300.0, gt=0, description="Seconds of a pause at most.")
    prices: dict[str, Price] = Field(
        {"gpt-5-mini": Price(prompt=0.25, cached=0.025, completion=2.0)},
        description="US dollars per million tokens by model, as JSON; check them against your provider's.",
    )

    # Lifetimes
    keep_transcripts: Seconds = Field(
        86_400.0, description="Seconds a transcript is kept after it is done; without an LLM it waits for one."
    )
    session_ttl: Seconds = Field(7 * 86_400.0, description="Seconds that session facts live; 0 keeps them.")
    keep_days: KeptByName = Field(
        {}, description='Days that memories are kept, by what they are, as JSON: `{"all": 365, "excerpt": 90}`.'
    )
    keep_audit_days: KeepDays = Field(0, description="Days that rows of the audit are kept; 0 keeps them.")
    max_memories: int = Field(0, ge=0, description="Memories of a user or an agent at most; 0 is no bound.")
    quota_memories: int = Field(
        0, ge=0, description="Memories of a user or an agent past which an alert tells; 0: none."
    )
    quota_bytes: int = Field(0, ge=0, description="The same in bytes, as `afterword analytics storage` reckons them.")
    archive_after_days: KeepDays = Field(
        0, description="Days without recall after which less important memories are archived; 0 archives none."
    )
    archive_below: float = Field(
        0.5, ge=0, le=1, description="The importance below which memories that nobody recalls are archived."
    )

    # Limits
    limits: LimitsByName = Field(
        {},
        description="Requests at most, behind the door as well, as JSON; 0 is no limit. "
        'Such as `{"contexts.user.minute": 60, "publishes.tenant.day": 100000}`.',
    )
    defer_within: Seconds = Field(
        86_400.0, description="Seconds that an event over a limit waits at most; then it is a dead letter."
    )

    # Analytics
    analytics: bool = Field(True, description="Count queries and statistics. Off: memories work all the same.")
    analytics_interval: Count = Field(300, description="Seconds between snapshots of usage and system figures.")
    analytics_query_text: bool = Field(False, description="Keep the words of queries, not only their length and hash.")
    keep_query_days: Days = Field(90, description="Days that single queries are kept; cleaned at 02:00 UTC.")
    keep_snapshot_days: Days = Field(30, description="Days that all snapshots are kept; of older days the last one is.")
    keep_statistic_days: Days = Field(400, description="Days that statistics and snapshots are kept.")

    # Context
    relevance_floor: float = Field(
        0.3, ge=0, le=1, description="Nothing is injected unless a memory reaches this relevance."
    )
    tokenizer: str = Field(
        "estimate",
        description="Counts a context's tokens: `estimate`, `tiktoken:<encoding or model>`, or a `tokenizer.json`.",
    )

    # Worker process
    threads: Count | None = Field(None, description="Threads of the worker; each role has a default.")
    shutdown_grace: Seconds = Field(25.0, description="Seconds that work in progress may take after SIGTERM.")
    probe_host: str = Field("127.0.0.1", description="Where /metrics, /healthz and /readyz listen.")
    probe_port: int = Field(9464, ge=0, le=65535, description="Their port; 0 takes a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="`json`, `text`, or by whether it is a terminal."
    )

    @field_validator("redis_url", "postgres_url", "qdrant_url", "llm_base_url", "embedder_base_url")
    @classmethod
    def _is_a_url(cls, value: SecretStr | str | None, info: ValidationInfo) -> SecretStr | str | None:
        """Refuse a malformed URL here, in words without it: a later error would repeat the password in it."""
        if value is not None:
            url = value.get_secret_value() if isinstance(value, SecretStr) else value
            schemes = _SCHEMES.get(str(info.field_name), ("http", "https"))
            if mend := mend_of_url(url, schemes, has_options=isinstance(value, SecretStr)):
                raise ValueError(mend)
        return value

    @field_validator("qdrant_api_key", "llm_api_key", "embedder_api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        """Strip a key, since most files of secrets end with a newline. Refuse a newline inside it: the HTTP client's
        error would repeat the key.
        """
        if value is None:
            return None
        key = value.get_secret_value().strip()
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError("must be one word of printable ASCII characters")
        return SecretStr(key) if key else None

    @field_validator("llm", "llm_model", "embedder", "embedder_model", "tokenizer", "collection", "probe_host")
    @classmethod
    def _is_no_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse a key in the wrong setting: these settings are logged, shown by `doctor` and used as labels."""
        if value is not None and looks_like_a_key(value, names=info.field_name != "collection"):
            room = "EMBEDDER" if str(info.field_name).startswith("embedder") else "LLM"
            raise ValueError(f"this looks like a key: a key belongs in AFTERWORD_{room}_API_KEY (or OPENAI_API_KEY)")
        return value

    @model_validator(mode="after")
    def _one_vector_store(self) -> Self:
        if self.qdrant_url and self.edge_path:
            raise ValueError("set AFTERWORD_QDRANT_URL or AFTERWORD_EDGE_PATH, not both")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """The settings in the environment, the variables of the chosen models' providers included.

        Raises: Misconfigured, naming the variable and the mend.
        """
        try:
            return cls(**{**_model_defaults(overrides), **overrides})
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = f"AFTERWORD_{str(problem['loc'][0]).upper()}: " if problem["loc"] else ""
            raise Misconfigured(where + problem["msg"].removeprefix("Value error, ")) from None
        except SettingsError as error:
            # pydantic's own words name the field alone; their cause would repeat the value.
            name = next((each for each in cls.model_fields if f'"{each}"' in str(error)), "prices")
            raise Misconfigured(f"AFTERWORD_{name.upper()}: must be JSON, as in its default") from None

    @property
    def redis(self) -> str:
        return self.redis_url.get_secret_value()

    @property
    def postgres(self) -> str:
        return self.postgres_url.get_secret_value()


def _model_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Key and base URL of LLM and embedder from the provider's own variables, where ours are not set."""
    found: dict[str, Any] = {}
    for model, table in (("llm", LLMS), ("embedder", EMBEDDERS)):
        default = Settings.model_fields[model].default
        chosen = given.get(model) or os.environ.get(f"AFTERWORD_{model}".upper()) or default
        provider = provider_of(table, str(chosen))
        if provider is None:
            continue
        base_url = given.get(f"{model}_base_url") or os.environ.get(f"AFTERWORD_{model}_base_url".upper())
        own = own_endpoint(provider, os.environ, base_url=str(base_url) if base_url else None)
        for name, value in (("api_key", own.api_key), ("base_url", own.base_url)):
            if value and not os.environ.get(f"AFTERWORD_{model}_{name}".upper()):
                found[f"{model}_{name}"] = value
    return found
