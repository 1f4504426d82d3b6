"""The settings of the gateway, given in code or by its environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from afterword.schemas.errors import InvalidInput
from afterword.schemas.keys import CallerRole
from afterword.schemas.limits import LimitedKind
from afterword.schemas.values import DEFAULT_TENANT, Id

PREFIX = "AFTERWORD_GATEWAY_"
LEAST_SECRET_BYTES = 32
"""RFC 7518 asks for a key of HS256 that is no shorter than its hash."""

_Seconds = Annotated[float, Field(gt=0)]


class LimitLevel(StrEnum):
    """Whose requests are counted together."""

    USER = "user"
    AGENT = "agent"
    ACCOUNT = "account"
    TENANT = "tenant"


_LIMIT = re.compile(rf"({'|'.join(LimitedKind)})\.({'|'.join(LimitLevel)})(@tenant:.+|@role:({'|'.join(CallerRole)}))?")
_ClaimName = Annotated[str, Field(min_length=1)]


class GatewaySettings(BaseSettings):
    """Where the gateway listens, whom it believes, and its bounds. Secrets never show in a repr or a log.

    >>> GatewaySettings(insecure_dev=True).host
    '127.0.0.1'
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    # Addresses
    host: str = Field("127.0.0.1", description="The address it listens on.")
    port: int = Field(8642, ge=0, le=65535, description="Its port; 0 takes a free one.")
    redis_url: SecretStr | None = Field(
        None, description="Redis, credentials included; by default `AFTERWORD_REDIS_URL`."
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses of proxies whose `X-Forwarded-*` headers are believed, by comma."
    )

    # Tokens
    jwt_secret: SecretStr | None = Field(
        None, description="The secret of HS256 tokens, at least 32 bytes. One of the three kinds of key at most is set."
    )
    jwt_public_key: str | None = Field(
        None, description="A public key in PEM: RSA for RS256, P-256 for ES256. `\\n` stands for a new line."
    )
    jwt_jwks_url: str | None = Field(None, description="The URL of a JSON Web Key Set, whose keys may rotate.")
    jwt_jwks_seconds: _Seconds = Field(300.0, description="Seconds that its keys are kept before they are read again.")
    jwt_issuer: str | None = Field(None, description="The `iss` that tokens must have; required but for HS256.")
    jwt_audience: str = Field("afterword", description="The `aud` that tokens must hold.")
    jwt_leeway: Annotated[float, Field(ge=0)] = Field(
        10.0, description="Seconds by which the clock that made a token may be off."
    )
    claim_tenant: _ClaimName = Field("tenant", description="The claim that holds the tenant; `a.b` is `b` within `a`.")
    claim_account: _ClaimName = Field("sub", description="The claim that holds the account.")
    claim_roles: _ClaimName = Field("roles", description="The claim that holds the roles, a list or words.")
    claim_user: _ClaimName = Field("sub", description="The claim that holds the user whose memories are the caller's.")
    default_tenant: Id = Field(DEFAULT_TENANT, description="The tenant of tokens without that claim.")
    tenant_required: bool = Field(False, description="Refuse tokens without a tenant.")

    # API keys
    api_keys: bool = Field(True, description="Take keys that `afterword keys create` made.")
    api_key_seconds: _Seconds = Field(
        5.0, description="Seconds that a key is believed before it is asked for again: how soon a revocation holds."
    )
    api_key_outage_seconds: Annotated[float, Field(ge=0)] = Field(
        600.0, description="Seconds that a key which was good is believed while no worker answers."
    )

    # Nobody is asked who they are
    insecure_dev: bool = Field(False, description="Let everybody do everything; on a loopback address only.")

    # Bounds
    context_seconds: _Seconds = Field(1.0, description="Seconds that a context is waited for.")
    command_seconds: _Seconds = Field(5.0, description="Seconds that any other answer is waited for.")
    clear_seconds: _Seconds = Field(60.0, description="Seconds that the clearing of all memories is waited for.")
    body_bytes: Annotated[int, Field(ge=1024)] = Field(
        4 * 1024 * 1024, description="Bytes of a request's body at most; a line of a batch counts by itself."
    )
    batch_bytes: Annotated[int, Field(ge=1024)] = Field(
        64 * 1024 * 1024, description="Bytes of a batch of conversations at most."
    )
    body_seconds: _Seconds = Field(
        30.0, description="Seconds within which a head and a body must come, and a part of an answer be read."
    )
    in_flight: Annotated[int, Field(ge=1)] = Field(
        2_000, description="Requests at once at most; a further one is told to come again."
    )
    shutdown_grace: Annotated[int, Field(ge=1)] = Field(
        10, description="Seconds that requests in work may take after SIGTERM."
    )

    # Limits
    limits: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {},
        description="Requests a minute at most, as JSON; 0 is no limit. "
        'Such as `{"contexts.user": 60, "publishes.tenant@tenant:acme": 6000}`.',
    )
    limits_seconds: _Seconds = Field(
        0.25, description="Seconds that a request waits at most to be counted; after that it is let in."
    )
    limits_redis_url: SecretStr | None = Field(
        None, description="The Redis in which they are counted; by default the gateway's."
    )

    # Agents' applications
    mcp: bool = Field(
        True, description="Serve the Model Context Protocol at `/mcp`, where the extra `mcp` is installed."
    )

    # Browsers
    cors_origins: str = Field("", description="Origins whose pages may call, by comma, such as `https://app.example`.")

    # Logs
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="`json`, `text`, or by whether it is a terminal."
    )
    access_log: bool = Field(True, description="Log a line for each request: its route, status and time, no words.")

    @field_validator("jwt_public_key")
    @classmethod
    def _is_pem(cls, value: str | None) -> str | None:
        if value is None:
            return None
        pem = value.replace("\\n", "\n").strip()
        if "PRIVATE KEY" in pem:
            raise ValueError("this is a private key: give the public one, which is all that is needed to check tokens")
        if not pem.startswith("-----BEGIN"):
            raise ValueError("must be a public key in PEM, which begins with -----BEGIN")
        return pem

    @field_validator("jwt_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < LEAST_SECRET_BYTES:
            raise ValueError(f"must be at least {LEAST_SECRET_BYTES} bytes: make one with `openssl rand -hex 32`")
        return value

    @field_validator("jwt_jwks_url")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is None or value.startswith("https://"):
            return value
        # Whoever stands in the way of plain HTTP could hand us keys of their own.
        if value.startswith("http://") and is_loopback(urlsplit(value).hostname or ""):
            return value
        raise ValueError("must begin with https://")

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, value: dict[str, int]) -> dict[str, int]:
        for name in value:
            if not _LIMIT.fullmatch(name):
                raise ValueError(
                    "must be named such as contexts.user: publishes, contexts or commands; user, agent, account or "
                    "tenant; and @tenant:ID or @role:ROLE for some only"
                )
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for each in filter(None, (part.strip() for part in value.split(","))):
            if not each.startswith(("https://", "http://")):
                raise ValueError("each must be an origin such as https://app.example: * would let all pages in")
        return value

    @model_validator(mode="after")
    def _one_kind_of_key(self) -> Self:
        kinds = [self.jwt_secret, self.jwt_public_key, self.jwt_jwks_url]
        if len(kinds) - kinds.count(None) > 1:
            raise ValueError("set one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL: each pins the algorithm")
        if (self.jwt_public_key or self.jwt_jwks_url) and not self.jwt_issuer:
            raise ValueError("set JWT_ISSUER as well: a key of an issuer that serves many must not let all of them in")
        return self

    @model_validator(mode="after")
    def _somebody_is_believed(self) -> Self:
        if self.insecure_dev and not self.on_loopback:
            raise ValueError("INSECURE_DEV asks nobody who they are: set HOST to 127.0.0.1, or configure tokens")
        if not (self.insecure_dev or self.api_keys or self.checks_tokens):
            raise ValueError("nobody could call: set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL, or API_KEYS")
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def checks_tokens(self) -> bool:
        """Whether a key of tokens is configured."""
        return bool(self.jwt_secret or self.jwt_public_key or self.jwt_jwks_url)

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`."""
        return tuple(each.strip().rstrip("/") for each in self.cors_origins.split(",") if each.strip())

    def most_a_minute(
        self, kind: LimitedKind, level: LimitLevel, *, tenant_id: str, roles: Collection[CallerRole]
    ) -> int:
        """How many of these are allowed a minute; 0 is no limit. A limit of the tenant comes before one of a role, and
        of several roles the widest holds.

        >>> GatewaySettings(insecure_dev=True, limits={"contexts.user": 60}).most_a_minute(
        ...     LimitedKind.CONTEXTS, LimitLevel.USER, tenant_id="acme", roles=())
        60
        """
        name = f"{kind}.{level}"
        if (of_tenant := self.limits.get(f"{name}@tenant:{tenant_id}")) is not None:
            return of_tenant
        of_roles = [self.limits[each] for role in roles if (each := f"{name}@role:{role}") in self.limits]
        if of_roles:
            return 0 if 0 in of_roles else max(of_roles)
        return self.limits.get(name, 0)

    @classmethod
    def load(cls, **overrides: Any) -> GatewaySettings:
        """The settings in the environment.

        Raises: InvalidInput, naming the variable and the mend.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else f"{PREFIX}*"
            raise InvalidInput(where, "a setting", problem["msg"].removeprefix("Value error, ")) from None
        except SettingsError:
            # Its own words name the field alone; their cause would repeat the value.
            raise InvalidInput(f"{PREFIX}LIMITS", "a setting", 'must be JSON, such as {"contexts.user": 60}') from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """The variables that look like settings of the gateway and are none: a typo would silently change nothing.

    >>> unknown_variables({"AFTERWORD_GATEWAY_PROT": "80", "AFTERWORD_GATEWAY_PORT": "80"})
    ['AFTERWORD_GATEWAY_PROT']
    """
    known = {f"{PREFIX}{name.upper()}" for name in GatewaySettings.model_fields}
    return sorted(name for name in environ if name.upper().startswith(PREFIX) and name.upper() not in known)


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
