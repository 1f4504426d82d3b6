"""The actor of the commands queue."""

from __future__ import annotations

import time
from typing import Any

import dramatiq
from pydantic import BaseModel

from afterword.schemas.catalogue import parse_command
from afterword.schemas.command import Command
from afterword.schemas.wire import ACTORS, Queue
from afterword.workers.actors.requests import Responder
from afterword.workers.broker import MendedBroker
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.commands.handlers import Commands


def declare(broker: MendedBroker, commands: Commands, responder: Responder, metrics: Metrics) -> None:
    """Run memory commands. Never retried: the asker has its answer, an error included."""

    def run(command: Command) -> BaseModel:
        return commands.run(command, responder.seconds_left(command))

    @dramatiq.actor(broker=broker, queue_name=Queue.COMMANDS, actor_name=ACTORS[Queue.COMMANDS], max_retries=0)
    def run_command(body: Any) -> None:
        # What the outcome stays if `answer` raises.
        started, outcome = time.perf_counter(), "internal"
        try:
            outcome = responder.answer(body, parse_command, run)
        finally:
            # Of a refused command the name may be any text: as a label it would make a series for ever.
            name = str(body.get("command")) if isinstance(body, dict) and outcome != "invalid" else "unknown"
            metrics.commands.labels(name, outcome).inc()
            metrics.command_seconds.labels(name).observe(time.perf_counter() - started)
