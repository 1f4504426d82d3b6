"""Sending what is left when the process ends and neither a thread nor an event loop is there to do it."""

from __future__ import annotations

import time

import redis

from afterword.producers.delivery import Delivery
from afterword.producers.links import Links
from afterword.producers.transactions import transaction


def send_rest(links: Links, delivery: Delivery, seconds: float) -> None:
    """Send the outbox from this thread, for at most `seconds`; what is left is dropped, counted and logged."""
    deadline = time.monotonic() + seconds
    try:
        if delivery.outbox:
            _send_all(links, delivery, deadline)
    except redis.RedisError as error:
        delivery.failed(error)
    delivery.abandon()


def _send_all(links: Links, delivery: Delivery, deadline: float) -> None:
    link = links.connect(seconds=max(deadline - time.monotonic(), 0.001))
    while batch := delivery.outbox.batch():
        commands = [command for parcel in batch for command in parcel.commands]
        link.write(transaction(commands), deadline)
        link.read_transaction(commands, deadline)
        delivery.sent_later(batch)
    link.close()
