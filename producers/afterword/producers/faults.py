"""Refusals of Redis, in words that an operator can act on."""

from __future__ import annotations

import logging
from typing import TypeVar

import redis
from redis.exceptions import NoPermissionError

from afterword.schemas.printable import printable

R = TypeVar("R", bound=redis.ResponseError)


def of_command(error: R, command: str) -> R:
    """The same error, saying which command it answered."""
    return type(error)(f"{command}: {error}")


def severity(error: redis.RedisError) -> int:
    """The log level: ERROR when somebody has to mend it, WARNING when it passes by itself."""
    return logging.ERROR if _is_configuration(error) else logging.WARNING


def explained(error: redis.RedisError, user: str) -> str:
    """One line without secrets, which steers no terminal; a configuration error says so and names the ACL user."""
    if _is_configuration(error):
        return printable(f"configuration error as Redis user {user!r}: {error}")
    return printable(f"{type(error).__name__}: {error}")


def _is_configuration(error: redis.RedisError) -> bool:
    if isinstance(error, NoPermissionError | redis.AuthenticationError):
        return True
    # Another program keeps something else under a queue's key: no retry mends that.
    return isinstance(error, redis.ResponseError) and "WRONGTYPE" in str(error)
