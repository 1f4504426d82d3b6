"""The least that a question and its answer over Redis can cost: a process that answers whatever is asked.

`python -m ops.bench.echo URL`
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

import redis

QUESTIONS = "echo:questions"


def ask(client: redis.Redis) -> None:
    """One round: push a question, wait for its answer."""
    reply_to = f"echo:reply:{uuid.uuid4().hex}"
    with client.pipeline(transaction=False) as pipe:
        pipe.rpush(QUESTIONS, reply_to)
        pipe.blpop([reply_to], 10)
        pipe.execute()


def answer_all(client: redis.Redis) -> None:
    """Answer until the process ends."""
    while True:
        found: Any = client.blpop([QUESTIONS], 1)
        if found is not None:
            client.rpush(found[1], b"answer")


if __name__ == "__main__":
    answer_all(redis.Redis.from_url(sys.argv[1], protocol=2))
