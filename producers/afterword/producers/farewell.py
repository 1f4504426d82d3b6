"""Sending what is left at the end of a process, when neither a thread nor an event loop is there to do it."""

from __future__ import annotations

import time

import redis

from afterword.producers.links import Links
from afterword.producers.publish_state import PublishState
from afterword.producers.transactions import transaction


def send_rest(links: Links, state: PublishState, seconds: float) -> None:
    """Send the outbox from this thread, for at most `seconds`; what is left is dropped, counted and logged."""
    deadline = time.monotonic() + seconds
    try:
        if state.outbox:
            _send_all(links, state, deadline)
    except redis.RedisError as error:
        state.note_failure(error)
    state.abandon()


def _send_all(links: Links, state: PublishState, deadline: float) -> None:
    # `connect`, since `take` starts a thread, which the interpreter refuses while it ends.
    link = links.connect(seconds=max(deadline - time.monotonic(), 0.001))
    while batch := state.outbox.batch():
        commands = [command for parcel in batch for command in parcel.commands]
        link.write(transaction(commands), deadline)
        link.read_transaction(commands, deadline)
        state.note_sent_later(batch)
    link.close()
