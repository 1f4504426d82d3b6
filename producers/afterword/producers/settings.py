"""The settings of a client, given in code or by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from afterword.producers.backoff import LONGEST_SECONDS
from afterword.schemas.conversation import MAX_BYTES, MAX_MESSAGES, MAX_MESSAGES_TAKEN
from afterword.schemas.errors import InvalidInput, shortened
from afterword.schemas.values import DEFAULT_TENANT, Id

PREFIX = "AFTERWORD_"
DEFAULT_REDIS_URL = "redis://localhost:6379/0"

# Made once: a gateway checks a tenant with each request.
_TENANT: Final = TypeAdapter(Id)


class ClientSettings(BaseModel):
    """How a client behaves. Sizes in bytes, times in seconds.

    `outbox_messages` and `outbox_bytes` bound what waits while Redis is away; past either the oldest goes.
    `max_messages` and `max_bytes` are the size above which an event is split; workers take none that is much larger.
    `on_invalid`: "raise" InvalidInput to the caller, or "log" it and publish nothing.
    `on_unavailable`: what `context` does without an answer: an "empty" context, or "raise" MemoryUnavailable.
    `exit_seconds` bounds the flush when the process ends. `pause_seconds` is the longest pause in asking for context
    while no worker answers.
    """

    # forbid: a misspelt setting raises, and does not silently change nothing.
    model_config = ConfigDict(frozen=True, extra="forbid")

    outbox_messages: Annotated[int, Field(ge=1)] = 10_000
    outbox_bytes: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    max_messages: Annotated[int, Field(ge=1, le=MAX_MESSAGES_TAKEN)] = MAX_MESSAGES
    max_bytes: Annotated[int, Field(ge=4096, le=3 * MAX_BYTES)] = MAX_BYTES
    on_invalid: Literal["raise", "log"] = "raise"
    on_unavailable: Literal["empty", "raise"] = "empty"
    exit_seconds: Annotated[float, Field(ge=0)] = 2.0
    pause_seconds: Annotated[float, Field(ge=0.1)] = LONGEST_SECONDS


@dataclass(frozen=True)
class Environment:
    """The part of the environment that concerns a client: where Redis is, whose data it is, and the settings."""

    redis_url: str = field(repr=False)  # may hold a password
    tenant_id: str
    settings: ClientSettings

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Environment:
        """Reads `AFTERWORD_REDIS_URL`, `AFTERWORD_TENANT_ID`, and `AFTERWORD_` with the name of any setting.

        An empty value counts as unset.

        Raises:
            InvalidInput: names the variable, what it held, and the mend.
        """
        given = {
            name.removeprefix(PREFIX).lower(): text
            for name, text in environ.items()
            if text and name.startswith(PREFIX)
        }
        return cls(
            redis_url=given.get("redis_url", DEFAULT_REDIS_URL),
            tenant_id=checked_tenant(given.get("tenant_id", DEFAULT_TENANT)),
            settings=_checked(
                None,
                TypeAdapter(ClientSettings),
                {name: given[name] for name in ClientSettings.model_fields if name in given},
            ),
        )


def checked_tenant(tenant_id: str) -> str:
    """Raises: InvalidInput, when it is no id."""
    return str(_checked("tenant_id", _TENANT, tenant_id))


def _checked(name: str | None, adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        variable = PREFIX + str(name or problem["loc"][0]).upper()
        raise InvalidInput(
            variable, shortened(problem["input"]), problem["msg"].removeprefix("Value error, ")
        ) from None
