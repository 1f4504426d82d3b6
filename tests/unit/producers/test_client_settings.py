from __future__ import annotations

import pytest
from pydantic import ValidationError

from afterword.producers import ClientSettings, InvalidEvent, MemoryClient
from afterword.producers.settings import DEFAULT_REDIS_URL, Environment


def test_an_empty_environment_gives_the_defaults() -> None:
    found = Environment.read({"TENANT_ID": "of somebody else", "AFTERWORD_OUTBOX_BYTES": ""})
    assert found == Environment(DEFAULT_REDIS_URL, "default", ClientSettings())


def test_every_setting_has_its_variable() -> None:
    found = Environment.read(
        {
            "AFTERWORD_REDIS_URL": "redis://elsewhere/1",
            "AFTERWORD_TENANT_ID": "acme",
            "AFTERWORD_OUTBOX_MESSAGES": "7",
            "AFTERWORD_OUTBOX_BYTES": "8000",
            "AFTERWORD_MAX_MESSAGES": "9",
            "AFTERWORD_MAX_BYTES": "5000",
            "AFTERWORD_ON_INVALID": "log",
            "AFTERWORD_ON_UNAVAILABLE": "raise",
            "AFTERWORD_EXIT_SECONDS": "0.5",
            "AFTERWORD_OPENAI_MODEL": "a worker's, not ours",
        }
    )
    assert (found.redis_url, found.tenant_id) == ("redis://elsewhere/1", "acme")
    assert found.settings == ClientSettings(
        outbox_messages=7,
        outbox_bytes=8000,
        max_messages=9,
        max_bytes=5000,
        on_invalid="log",
        on_unavailable="raise",
        exit_seconds=0.5,
    )


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("AFTERWORD_OUTBOX_MESSAGES", "many", "valid integer"),
        ("AFTERWORD_OUTBOX_BYTES", "0", "greater than or equal to 1"),
        ("AFTERWORD_ON_INVALID", "ignore", "'raise' or 'log'"),
        # Workers take no larger event.
        ("AFTERWORD_MAX_MESSAGES", "5001", "less than or equal to 5000"),
        ("AFTERWORD_MAX_BYTES", "3145729", "less than or equal to 3145728"),
        ("AFTERWORD_TENANT_ID", "a\nb", "printable characters"),
    ],
)
def test_a_bad_value_names_its_variable_and_the_mend(variable: str, value: str, mend: str) -> None:
    with pytest.raises(InvalidEvent, match=variable) as caught:
        MemoryClient.from_env({variable: value})
    assert mend in str(caught.value)
    assert repr(value) in str(caught.value)


def test_a_bad_url_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(InvalidEvent, match="AFTERWORD_REDIS_URL") as caught:
        MemoryClient("http://:hunter2@somewhere")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        ClientSettings.model_validate({"outbox_mesages": 3})
