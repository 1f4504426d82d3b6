"""Several Redis commands that take effect together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from afterword.producers.faults import of_command

RedisCommand = tuple[Any, ...]


def transaction(commands: Sequence[RedisCommand]) -> list[RedisCommand]:
    """The commands between MULTI and EXEC."""
    return [("MULTI",), *commands, ("EXEC",)]


def checked(commands: Sequence[RedisCommand], results: Sequence[Any]) -> None:
    """Check the results of EXEC. Raises: redis.ResponseError, the first among them, naming its command."""
    for command, result in zip(commands, results, strict=True):
        if isinstance(result, redis.ResponseError):
            raise of_command(result, command[0])
