"""A client logs into the log of somebody else's program, which may escape nothing."""

from __future__ import annotations

import logging

import pytest
import redis

from afterword.producers import InvalidInput
from afterword.producers.context import unanswered
from afterword.producers.faults import explained
from afterword.producers.settings import Environment
from afterword.schemas import CommandFailed

FORGED = "\x1b[2J\x9b31m\u202e\r\n2026-01-01 ERROR FORGED"


@pytest.mark.parametrize("error", [redis.ResponseError(FORGED), redis.AuthenticationError(FORGED)])
def test_the_words_of_a_server_stay_on_their_line(error: redis.RedisError) -> None:
    assert explained(error, f"user {FORGED}").isprintable()


@pytest.mark.parametrize("error", [redis.ResponseError(FORGED), CommandFailed("internal", FORGED)])
def test_so_do_those_of_an_answer(error: CommandFailed | redis.RedisError, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        unanswered(error, "empty")

    [line] = caplog.messages
    assert "FORGED" in line
    assert line.isprintable()


@pytest.mark.parametrize("variable", ["AFTERWORD_TENANT_ID", "AFTERWORD_MAX_BYTES", "AFTERWORD_ON_INVALID"])
def test_and_the_value_of_a_setting(variable: str) -> None:
    with pytest.raises(InvalidInput, match=variable) as caught:
        Environment.read({variable: FORGED})
    assert str(caught.value).isprintable()
