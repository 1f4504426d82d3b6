"""The settings refuse what would let strangers in, and say how to mend it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from afterword.gateway.settings import GatewaySettings, unknown_variables
from afterword.schemas.errors import InvalidInput

SECRET = "a secret of at least thirty-two bytes"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("AFTERWORD_"):
            monkeypatch.delenv(name)


def test_the_environment_is_read_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_GATEWAY_PORT", "9000")
    monkeypatch.setenv("AFTERWORD_GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("AFTERWORD_GATEWAY_CORS_ORIGINS", "https://a.example/, https://b.example")
    settings = GatewaySettings.load()
    assert (settings.port, settings.checks_tokens) == (9000, True)
    assert settings.origins == ("https://a.example", "https://b.example")
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"insecure_dev": True, "host": "0.0.0.0"}, "set HOST to 127.0.0.1"),
        ({"insecure_dev": True, "host": "gateway.example"}, "set HOST to 127.0.0.1"),
        ({"api_keys": False}, "nobody could call"),
        ({"jwt_secret": "short"}, "GATEWAY_JWT_SECRET: must be at least 32 bytes"),
        ({"jwt_secret": SECRET, "jwt_jwks_url": "https://id.example"}, "set one of"),
        ({"jwt_jwks_url": "https://id.example"}, "set JWT_ISSUER"),
        ({"jwt_jwks_url": "http://id.example", "jwt_issuer": "us"}, "must begin with https://"),
        ({"jwt_jwks_url": "http://localhost.evil.example", "jwt_issuer": "us"}, "must begin with https://"),
        ({"jwt_public_key": "-----BEGIN PRIVATE KEY-----\nx", "jwt_issuer": "us"}, "this is a private key"),
        ({"jwt_public_key": "key.pem", "jwt_issuer": "us"}, "must be a public key in PEM"),
        ({"cors_origins": "*"}, "an origin"),
        ({"port": 70000}, "GATEWAY_PORT"),
    ],
)
def test_what_would_let_strangers_in_is_refused(wrong: dict[str, Any], mend: str) -> None:
    with pytest.raises(InvalidInput, match=mend):
        GatewaySettings.load(**wrong)


def test_an_error_does_not_repeat_a_secret() -> None:
    with pytest.raises(InvalidInput) as refused:
        GatewaySettings.load(jwt_secret="s3cr3t")
    assert "s3cr3t" not in str(refused.value)


def test_every_setting_is_described() -> None:
    assert not [name for name, field in GatewaySettings.model_fields.items() if not field.description]


def test_a_variable_that_is_no_setting_is_named() -> None:
    environ = {"AFTERWORD_GATEWAY_PROT": "80", "AFTERWORD_GATEWAY_PORT": "80", "AFTERWORD_REDIS_URL": "redis://r"}
    assert unknown_variables(environ) == ["AFTERWORD_GATEWAY_PROT"]
