"""The log of the gateway's process: JSON a line, and never the words of an error that nobody expected."""

from __future__ import annotations

import json
import logging

import pytest

from afterword.gateway import logs
from afterword.gateway.settings import GatewaySettings

WORDS = "what somebody said"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_error_is_told_by_its_type_and_its_place(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(GatewaySettings(log_format=log_format))
    try:
        raise LookupError(WORDS)
    except LookupError as error:
        logging.getLogger("afterword.gateway").error("a request failed", exc_info=error)
    said = capsys.readouterr().err
    assert "LookupError" in said
    assert "test_gateway_logs.py" in said
    assert "somebody" not in said.replace("raise LookupError(WORDS)", "")


def test_a_line_carries_the_fields_of_the_access_log_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(GatewaySettings(log_format="json"))
    logging.getLogger("afterword.gateway").info("GET", extra={"route": "/healthz", "token": "s3cr3t"})
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["route"], line["level"]) == ("GET", "/healthz", "info")
    assert "token" not in line
