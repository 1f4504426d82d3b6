"""Checks of servers and settings: for `doctor`, for readiness, and before a worker starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Literal, get_args

import redis
from pydantic import SecretStr

from afterword.schemas import AfterwordError
from afterword.schemas.health import ComponentHealth
from afterword.workers.models.providers import EMBEDDERS, LLMS, Endpoint, Provider, destination
from afterword.workers.runtime.health import Check, CheckStatus, Health
from afterword.workers.runtime.server_checks import (
    check_ledger,
    check_payloads,
    check_postgres,
    check_redis,
    check_redis_answers,
    check_vector_store,
    check_vector_store_answers,
    failure_of,
    prepare_vector_store,
)
from afterword.workers.runtime.variables import unknown_variables
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.commands.read_health import ComponentLook
from afterword.workers.stores.ledger.extraction import breaker, progress
from afterword.workers.stores.ledger.migrate import check_migrated

_LONG_TEXT = "Every turn of a conversation is kept, and a long one is kept in pieces. " * 60
"""As long as the longest text that is embedded: the end of a batch, by which extraction finds known memories."""


def run(house: House, checks: Sequence[Callable[[House], Check]]) -> list[Check]:
    """Run checks; one that raises an error of ours has failed with its message."""
    return [run_one(house, check) for check in checks]


def run_one(house: House, check: Callable[[House], Check], name: str | None = None) -> Check:
    """Run a check of the component `name`, by default the one that the check is named after."""
    try:
        return check(house)
    except (AfterwordError, redis.RedisError) as error:
        return failure_of(name or _COMPONENTS.get(check) or check.__name__.removeprefix("check_"), error, house)


def check_embedder(house: House) -> Check:
    """Answers with vectors of its own size, also for a long text and a full batch. Says which host gets which key."""
    identity = house.models.embedder.identity
    if identity.provider == "hashing":
        return Check("embedder", "warning", f"{identity}: words and n-grams only; set AFTERWORD_EMBEDDER for meaning")
    # Read first: a refusal of the texts below lowers it.
    set_or_known = house.models.embedding_limits.takes
    house.models.embedder.embed(["afterword doctor"])
    house.models.embedder.embed([_LONG_TEXT])
    house.models.embedder.embed([f"afterword doctor {number}" for number in range(set_or_known.inputs)])
    learned = house.models.embedding_limits.takes
    settings = house.settings
    where = _destination(EMBEDDERS, settings.embedder, settings.embedder_base_url, settings.embedder_api_key)
    if learned != set_or_known:
        mend = f"set AFTERWORD_EMBEDDER_INPUTS={learned.inputs} and AFTERWORD_EMBEDDER_TOKENS={learned.tokens}"
        return Check("embedder", "warning", f"{identity}{where}: it refuses a long text or a full batch; {mend}")
    return Check("embedder", "ok", f"{identity}{where}; takes a long text, and {learned.inputs} texts a request")


def _destination(table: Mapping[str, Provider], setting: str, base_url: str | None, key: SecretStr | None) -> str:
    told = destination(table, setting, Endpoint(base_url, key.get_secret_value() if key else None))
    return f", {told}" if told else ""


class EmbedderLately:
    """The share of failed requests to the embedder since the last look. It sends none itself: one may cost money."""

    def __init__(self) -> None:
        self._requests = self._errors = 0.0
        self._last = Check("embedder", "ok", "no request yet")

    def __call__(self, house: House) -> Check:
        registry = house.metrics.registry
        requests = registry.get_sample_value("afterword_embedder_seconds_count") or 0.0
        errors = registry.get_sample_value("afterword_embedder_errors_total") or 0.0
        made, failed = requests - self._requests, errors - self._errors
        self._requests, self._errors = requests, errors
        # Without a request since the last look, the last result still holds.
        if made:
            status: CheckStatus = "failed" if failed >= made else "warning" if failed else "ok"
            self._last = Check("embedder", status, f"{failed:.0f} of the last {made:.0f} requests failed")
        return self._last


def check_breaker(house: House) -> Check:
    """Whether the breaker lets extraction ask the LLM just now."""
    if house.settings.llm == "none":
        return Check("llm", "ok", "none: verbatim mode")
    with house.stores.database.transaction() as connection:
        paused = breaker.is_open(connection)
    return Check("llm", "warning", "the breaker is open") if paused else Check("llm", "ok", "the breaker is closed")


def check_llm(house: House) -> Check:
    """Answers a tiny question with JSON."""
    llm = house.models.llm
    if llm is None:
        return Check("llm", "warning", "none: verbatim mode, excerpts are kept and no facts are extracted")
    completion = llm.complete_json([{"role": "user", "content": 'Answer with this JSON object: {"ok": true}'}])
    settings = house.settings
    where = _destination(LLMS, settings.llm, settings.llm_base_url, settings.llm_api_key)
    return Check("llm", "ok", f"{completion.model} answered with {completion.tokens.completion} tokens{where}")


def check_facts(house: House) -> Check:
    """No conversation was kept for want of an LLM that is set by now."""
    check_migrated(house.stores.database)
    with house.stores.database.transaction() as connection:
        kept = progress.count_verbatim(connection).kept
    if kept and house.settings.llm != "none":
        late = f"{kept} conversations came before there was an LLM: `afterword extract --all` learns from them"
        return Check("facts", "warning", late)
    return Check("facts", "ok", "every conversation that an LLM should see was given to it, or waits to be")


def check_tokenizer(house: House) -> Check:
    """Found, and able to count."""
    tokens = house.models.tokenizer.count("afterword doctor")
    return Check("tokenizer", "ok", f'{house.settings.tokenizer}: "afterword doctor" is {tokens} tokens')


def check_mem0(_house: House) -> Check:
    """The version that extraction was built against."""
    installed = version("mem0ai")
    # Extraction imports mem0's prompt and enters mem0 by injection: another minor version may move either.
    if not installed.startswith("2.2."):
        return Check("mem0", "failed", f"version {installed}: install mem0ai 2.2.x")
    return Check("mem0", "ok", f"version {installed}")


def check_switch(house: House) -> Check:
    """The master switch."""
    if not house.settings.memory_enabled:
        return Check("memory", "warning", "switched off by AFTERWORD_MEMORY_ENABLED")
    return Check("memory", "ok", "switched on")


def check_settings(_house: House) -> Check:
    """Every variable that looks like one of ours is one."""
    unknown = unknown_variables(os.environ)
    return Check("settings", "warning" if unknown else "ok", "\n".join(unknown) or "every variable is known")


_COMPONENTS: dict[Callable[[House], Check], str] = {check_ledger: "postgres", prepare_vector_store: "vector_store"}

ALL = (
    check_settings,
    check_redis,
    check_ledger,
    check_vector_store,
    check_payloads,
    check_embedder,
    check_llm,
    check_facts,
    check_tokenizer,
    check_mem0,
    check_switch,
)
# No model: an LLM or an embedder that is down keeps no worker from starting. Only work shows when it is back.
AT_START = (check_redis, check_ledger, prepare_vector_store)

Component = Literal["redis", "postgres", "vector_store", "mem0", "embedder", "llm"]


def looks(house: House, wanted: Sequence[Component]) -> dict[str, Callable[[], Check]]:
    """The checks of these components for a process at work: quick, and free of cost."""
    quick: dict[Component, Callable[[House], Check]] = {
        "redis": check_redis_answers,
        "postgres": check_postgres,
        "vector_store": check_vector_store_answers,
        "mem0": check_mem0,
        # Not `check_embedder`: probes come every few seconds, and each of its requests may cost money.
        "embedder": EmbedderLately(),
        "llm": check_breaker,
    }
    return {name: partial(run_one, house, quick[name], name) for name in wanted}


def look_for_commands(house: House) -> ComponentLook:
    """The look at every component with which the command `health` is answered."""
    health = Health(looks(house, get_args(Component)), ())

    def look(seconds: float) -> list[ComponentHealth]:
        return [
            ComponentHealth(component=check.component, status=check.status, detail=check.detail)
            for check in health.look(seconds)
        ]

    return look


def failures_at_start(house: House, *, vector_store: bool = True) -> list[Check]:
    """The components that a worker cannot start with just now."""
    # Telemetry needs no vector store: it must not wait for one.
    needed = [check for check in AT_START if vector_store or check is not prepare_vector_store]
    return [check for check in run(house, needed) if check.status == "failed"]
