from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from afterword.workers.core.errors import Misconfigured
from afterword.workers.runtime.settings import Settings

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("AFTERWORD_", "OPENAI_")):
            monkeypatch.delenv(name)


def key(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def test_nothing_set_is_a_whole_configuration() -> None:
    settings = Settings.load()
    assert settings.redis == "redis://localhost:6379/0"
    assert (settings.llm, settings.embedder, settings.threads, settings.memory_enabled) == (
        "openai",
        "openai",
        None,
        True,
    )


def test_the_environment_is_read_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", "redis://elsewhere/1")
    monkeypatch.setenv("AFTERWORD_MEMORY_ENABLED", "false")
    monkeypatch.setenv("AFTERWORD_EDGE_PATH", "/data/edge")
    monkeypatch.setenv("AFTERWORD_UNKNOWN", "ignored")
    monkeypatch.setenv("COLLECTION", "not ours")
    settings = Settings.load(threads=3)
    assert (settings.redis, settings.memory_enabled, settings.edge_path) == (
        "redis://elsewhere/1",
        False,
        Path("/data/edge"),
    )
    assert (settings.collection, settings.threads) == ("memories", 3)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_THREADS", "")
    monkeypatch.setenv("AFTERWORD_LLM_API_KEY", "")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert Settings.load().threads is None
    assert key(Settings.load().llm_api_key) == SECRET


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().lease = 1.0  # type: ignore[misc]  # what mypy forbids as well


def test_every_setting_is_described() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_secrets_never_show() -> None:
    settings = Settings.load(
        redis_url=f"redis://:{SECRET}@host",
        postgres_url=f"postgresql://u:{SECRET}@host/db",
        qdrant_api_key=SECRET,
        llm_api_key=SECRET,
        embedder_api_key=SECRET,
    )
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        assert SECRET not in shown
    assert SECRET in settings.redis
    assert SECRET in settings.postgres


def test_whatever_is_a_secret_is_typed_as_one() -> None:
    named = [name for name in Settings.model_fields if name.endswith(("_key", "redis_url", "postgres_url"))]
    assert all("SecretStr" in str(Settings.model_fields[name].annotation) for name in named)


def test_the_openai_variables_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://llm/v1")
    monkeypatch.setenv("AFTERWORD_EMBEDDER_BASE_URL", "http://embedder/v1")
    settings = Settings.load()
    # The key belongs to OpenAI's endpoint, and goes to no other.
    assert (key(settings.llm_api_key), key(settings.embedder_api_key)) == (SECRET, None)
    assert (settings.llm_base_url, settings.embedder_base_url) == ("http://llm/v1", "http://embedder/v1")
    assert key(Settings.load(llm_api_key="own").llm_api_key) == "own"


@pytest.mark.parametrize("base_url", ["https://api.openai.com/v1", "http://llm/other"])
def test_the_openai_key_goes_to_its_own_host_by_whatever_path(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://llm/v1")
    assert key(Settings.load(llm_base_url=base_url).llm_api_key) == SECRET
    assert key(Settings.load(llm_base_url="https://api.deepseek.com").llm_api_key) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AFTERWORD_THREADS", "many"),
        ("AFTERWORD_THREADS", "0"),
        ("AFTERWORD_LEASE", "0"),
        ("AFTERWORD_RELEVANCE_FLOOR", "2"),
        ("AFTERWORD_PROBE_PORT", "70000"),
        ("AFTERWORD_LOG_LEVEL", "LOUD"),
        ("AFTERWORD_MEMORY_ENABLED", "perhaps"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=f"^{variable}: "):
        Settings.load()


@pytest.mark.parametrize(
    "url", [SECRET, f"redis://u:{SECRET}@host:port/0", f"ftp://u:{SECRET}@host", f"http://{SECRET}@[::1"]
)
@pytest.mark.parametrize("setting", ["redis_url", "postgres_url", "qdrant_url"])
def test_what_is_no_url_is_refused_without_being_repeated(setting: str, url: str) -> None:
    with pytest.raises(Misconfigured, match=f"AFTERWORD_{setting.upper()}: must be a URL that begins with") as refused:
        Settings.load(**{setting: url})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("postgres_url", "postgresql://u:p@{}@host/db"),
        ("postgres_url", "postgresql://u:12/{}@host/db"),
        ("redis_url", "redis://:12#{}@host/0"),
        ("qdrant_url", "http://u:p@{}@host"),
        ("qdrant_url", "http://"),
        ("llm_base_url", "{}"),
        ("embedder_base_url", "host/{}"),
    ],
)
def test_a_password_that_breaks_its_url_is_refused_without_being_repeated(setting: str, url: str) -> None:
    with pytest.raises(Misconfigured, match=f"^AFTERWORD_{setting.upper()}: ") as refused:
        Settings.load(**{setting: url.format(SECRET)})
    assert SECRET not in str(refused.value)


def test_a_key_may_end_with_a_newline_and_hold_none() -> None:
    assert key(Settings.load(qdrant_api_key=f"{SECRET}\n").qdrant_api_key) == SECRET
    with pytest.raises(Misconfigured, match=r"^AFTERWORD_QDRANT_API_KEY: must be one word") as refused:
        Settings.load(qdrant_api_key=f"{SECRET}\nmore")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("setting", ["llm", "llm_model", "embedder", "embedder_model", "tokenizer", "collection"])
def test_a_key_in_the_wrong_variable_is_refused_without_being_repeated(setting: str) -> None:
    misplaced = "sk-proj-a1B2c3D4e5F6g7H8i9J0"
    with pytest.raises(Misconfigured, match=f"^AFTERWORD_{setting.upper()}: this looks like a key") as refused:
        Settings.load(**{setting: misplaced})
    assert misplaced not in str(refused.value)


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-5-mini", "gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini-2024-07-18:acme:name:9ABCxyz1", "qwen2.5:7b"),
        *("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "accounts/fireworks/models/llama-v3p1-70b"),
    ],
)
def test_names_of_models_are_no_keys(model: str) -> None:
    assert Settings.load(llm_model=model, embedder_model=model).llm_model == model


def test_prices_that_are_no_json_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_PRICES", "gpt-5-mini=1")
    with pytest.raises(Misconfigured, match=r"^AFTERWORD_PRICES: must be JSON"):
        Settings.load()


def test_two_vector_stores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_QDRANT_URL", "http://qdrant")
    monkeypatch.setenv("AFTERWORD_EDGE_PATH", "/data/edge")
    with pytest.raises(Misconfigured, match=r"AFTERWORD_QDRANT_URL or AFTERWORD_EDGE_PATH, not both"):
        Settings.load()


@pytest.mark.parametrize("broken", [{"qdrant_api_key": {"nested": SECRET}}, {"llm_api_key": [SECRET]}])
def test_an_error_does_not_repeat_a_secret(broken: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        Settings.load(**broken)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "url", "known"),
    [
        ("AFTERWORD_REDIS_URL", "redis://host/0?socket_timeout=3", True),
        ("AFTERWORD_REDIS_URL", "redis://host/0?colour=red", False),
        ("AFTERWORD_REDIS_URL", "redis://host/0?socket_timeout=soon", False),
        ("AFTERWORD_POSTGRES_URL", "postgresql://host/db?sslmode=require", True),
        ("AFTERWORD_POSTGRES_URL", "postgresql+psycopg://host/db?sslmode=require", True),
        ("AFTERWORD_POSTGRES_URL", "postgresql://host/db?colour=red", False),
    ],
)
def test_options_that_a_client_does_not_know_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, known: bool
) -> None:
    monkeypatch.setenv(variable, url)
    if known:
        assert Settings.load()
        return
    with pytest.raises(Misconfigured, match=rf"{variable}.*options") as refused:
        Settings.load()
    assert "colour" not in str(refused.value), "what a URL holds is never repeated"
