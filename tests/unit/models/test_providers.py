"""Keys and prompts go where they belong: every provider of mem0's, with other vendors' variables set beside its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models import mem0_environment
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.openai import OpenAIEmbedder
from afterword.workers.models.environment import VENDORS, only_variables_of
from afterword.workers.models.llms.factory import build_llm
from afterword.workers.models.llms.mem0 import Mem0Llm
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Prompt
from afterword.workers.models.providers import EMBEDDERS, LLMS, Endpoint, Provider, destination, masked
from afterword.workers.runtime.settings import Settings
from tests.support import fake_openai
from tests.support.fake_openai import FakeOpenAI

mem0_environment.prepare()
from mem0.utils import factory  # noqa: E402  # mem0 reads its environment when imported

PROMPT: list[Prompt] = [{"role": "user", "content": "Answer in JSON."}]
NOWHERE = "http://127.0.0.1:9/decoy"

DECOYS = {
    **{name: f"decoy-{name}" for table in (LLMS, EMBEDDERS) for each in table.values() for name in each.keys},
    **{name: NOWHERE for table in (LLMS, EMBEDDERS) for each in table.values() for name in each.urls},
    "OPENROUTER_API_KEY": "decoy-OPENROUTER_API_KEY",
    "OPENROUTER_API_BASE": NOWHERE,
    "OPENAI_ORG_ID": "decoy-org",
    "OPENAI_PROJECT_ID": "decoy-project",
    "OPENAI_ADMIN_KEY": "decoy-admin",
    "OPENAI_CUSTOM_HEADERS": "X-Decoy: decoy",
    "OPENAI_API_BASE": NOWHERE,
    "ANTHROPIC_AUTH_TOKEN": "decoy-token",
    "GROQ_BASE_URL": NOWHERE,
    "TOGETHER_BASE_URL": NOWHERE,
    "SARVAM_API_BASE": NOWHERE,
    "AWS_ACCESS_KEY_ID": "decoy-aws",
    "AWS_SECRET_ACCESS_KEY": "decoy-aws-secret",
    "AWS_SESSION_TOKEN": "decoy-aws-session",
    "AWS_PROFILE": "decoy",
    "GOOGLE_APPLICATION_CREDENTIALS": "/decoy.json",
    "GOOGLE_CLOUD_PROJECT": "decoy",
}
OF_OPENAI = ("openai", "openai_structured")


@pytest.fixture(autouse=True)
def decoys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every vendor's variables, and none of ours."""
    for name in list(os.environ):
        if name.upper().startswith((*VENDORS, "AFTERWORD_")):
            monkeypatch.delenv(name)
    for name, value in DECOYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(fake_openai.text("{}")) as running:
        yield running


def endpoint(settings: Settings, model: str) -> Endpoint:
    key = getattr(settings, f"{model}_api_key")
    return Endpoint(getattr(settings, f"{model}_base_url"), key.get_secret_value() if key else None)


def test_the_table_is_mem0s() -> None:
    assert set(LLMS) == set(factory.LlmFactory.provider_to_class)
    assert set(EMBEDDERS) == set(factory.EmbedderFactory.provider_to_class)


@pytest.mark.parametrize(
    ("model", "name", "provider"),
    [("llm", *each) for each in LLMS.items()] + [("embedder", *each) for each in EMBEDDERS.items()],
)
def test_each_provider_reads_its_own_variables(
    model: str, name: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AFTERWORD_{model}".upper(), f"mem0:{name}")

    found = endpoint(Settings.load(), model)

    assert found.api_key == (DECOYS[provider.keys[0]] if provider.keys else None)
    assert found.base_url == (NOWHERE if provider.urls else None)
    for own in (*provider.keys, *provider.urls):
        monkeypatch.delenv(own)
    assert endpoint(Settings.load(), model) == Endpoint(None, None)


@pytest.mark.parametrize("provider", ["none", "mem0:nobody"])
def test_who_is_no_provider_gets_nothing(provider: str) -> None:
    assert endpoint(Settings.load(llm=provider), "llm") == Endpoint(None, None)


@pytest.mark.parametrize("provider", ["hashing", "fastembed"])
def test_what_runs_here_gets_nothing(provider: str) -> None:
    assert endpoint(Settings.load(embedder=provider), "embedder") == Endpoint(None, None)


class Seen(Exception):
    """Ends the making of a client, with what it was given and what it could see."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.environment = dict(os.environ)


def seen(kind: str, name: str, given: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """How mem0 makes the client of a provider, whether its library is installed or not."""
    module = ModuleType("mem0_stand_in")

    def made(config: Any) -> Any:
        raise Seen(config)

    vars(module)["Client"] = made
    monkeypatch.setitem(sys.modules, module.__name__, module)
    table = factory.LlmFactory if kind == "llm" else factory.EmbedderFactory
    known = dict(table.provider_to_class)
    stand_in = f"{module.__name__}.Client"
    known[name] = (stand_in, known[name][1]) if kind == "llm" else stand_in
    monkeypatch.setattr(table, "provider_to_class", known)
    with pytest.raises(Misconfigured) as caught:
        _build(kind, f"mem0:{name}", given)
    assert isinstance(caught.value.__cause__, Seen), caught.value
    return caught.value.__cause__


def _build(kind: str, provider: str, given: Endpoint) -> object:
    if kind == "llm":
        return build_llm(provider=provider, model="m", base_url=given.base_url, api_key=given.api_key, timeout=5)
    return build_embedder(provider=provider, model="m", base_url=given.base_url, api_key=given.api_key)


def told(config: Any) -> Mapping[str, Any]:
    """Key and endpoint in mem0's configuration; Azure's stand in a part of its own."""
    azure = getattr(config, "azure_kwargs", None)
    return {**vars(config), **(azure.model_dump(exclude_none=True) if azure else {})}


ALL = [("llm", name, LLMS[name]) for name in LLMS] + [("embedder", name, EMBEDDERS[name]) for name in EMBEDDERS]


@pytest.mark.parametrize(("kind", "name", "provider"), ALL, ids=[f"{kind}-{name}" for kind, name, _ in ALL])
def test_a_client_sees_no_other_vendors_variables(
    kind: str, name: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Endpoint("http://given.example/v1" if provider.url_field else None, "given-key")

    found = seen(kind, name, given, monkeypatch)

    visible = {variable for variable in found.environment if variable in DECOYS}
    assert all(variable.startswith(provider.reads) for variable in visible), visible
    if provider.shape != "azure":
        assert not any(variable.startswith(("OPENAI_", "OPENROUTER_")) for variable in visible)
    said = told(found.config)
    if provider.url_field:
        assert said[provider.url_field] == given.base_url
    if provider.keys and name != "ollama":
        assert said["api_key"] == "given-key"
    assert "decoy" not in str({field: value for field, value in said.items() if field not in ("project",)})


@pytest.mark.parametrize(("kind", "name", "provider"), ALL, ids=[f"{kind}-{name}" for kind, name, _ in ALL])
def test_without_a_word_from_us_a_client_goes_home(
    kind: str, name: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = told(seen(kind, name, Endpoint(), monkeypatch).config)

    if provider.url_field and provider.home.startswith("http"):
        assert said[provider.url_field] == provider.home
    assert not str(said.get("api_key") or "").startswith("decoy")


@pytest.mark.parametrize("name", ["openai", "openai_structured", "deepseek", "minimax", "xai", "vllm", "lmstudio"])
@pytest.mark.parametrize("key", ["sk-given", None])
def test_requests_of_mem0s_clients_carry_the_given_key_alone(fake: FakeOpenAI, name: str, key: str | None) -> None:
    llm = Mem0Llm(name, "some-model", endpoint=Endpoint(fake.url, key), timeout=10)

    assert llm.complete_json(PROMPT).text == "{}"
    for request in fake.chats:
        assert request.headers["authorization"] == f"Bearer {key or LLMS[name].placeholder}"
        assert "decoy" not in str(request)


@pytest.mark.parametrize("name", ["openai", "lmstudio"])
def test_requests_of_mem0s_embedders_carry_the_given_key_alone(fake: FakeOpenAI, name: str) -> None:
    build_embedder(provider=f"mem0:{name}", model="m", base_url=fake.url, api_key="sk-given").embed(["cat"])

    assert {request.headers["authorization"] for request in fake.embeddings} == {"Bearer sk-given"}
    assert "decoy" not in str(fake.requests)


def test_our_own_clients_look_into_no_environment(fake: FakeOpenAI) -> None:
    OpenAILlm("m", base_url=fake.url, timeout=10).complete_json(PROMPT)
    OpenAIEmbedder("m", api_key="none", base_url=fake.url, dimensions=8, timeout=10).embed(["cat"])

    assert len(fake.requests) == 2
    assert "decoy" not in str(fake.requests)
    assert str(OpenAILlm("m", api_key="k", timeout=10)._client.base_url) == "https://api.openai.com/v1/"
    assert str(OpenAIEmbedder("m", api_key="k", timeout=10)._client.base_url) == "https://api.openai.com/v1/"


def test_the_environment_is_as_before() -> None:
    before = dict(os.environ)

    with only_variables_of(("AWS_",)):
        assert os.environ["AWS_PROFILE"] == "decoy"
        assert "OPENAI_API_KEY" not in os.environ
        assert os.environ["PATH"] == before["PATH"]

    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("table", "setting", "given", "said"),
    [
        (LLMS, "openai", Endpoint(None, "sk-0123456789wxyz"), "api.openai.com gets the key ••••wxyz"),
        (LLMS, "mem0:deepseek", Endpoint(None, None), "api.deepseek.com gets no key"),
        (LLMS, "mem0:xai", Endpoint("https://u:pw@proxy.example:8443/v1?key=secret", "short"), None),
        (LLMS, "none", Endpoint(), None),
        (EMBEDDERS, "hashing", Endpoint(), None),
    ],
)
def test_which_host_gets_which_key(
    table: Mapping[str, Provider], setting: str, given: Endpoint, said: str | None
) -> None:
    found = destination(table, setting, given)

    if setting == "mem0:xai":
        said = "proxy.example:8443 gets the key ••••"
    assert found == said


def test_a_key_is_never_shown() -> None:
    assert masked("0123456789ab") == "the key ••••89ab"
    assert masked("0123456789a") == "the key ••••"
    assert "sk-secret" not in repr(Endpoint("http://x", "sk-secret"))
