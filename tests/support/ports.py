"""Ports that stay ours while a server starts, or is away for a while."""

from __future__ import annotations

import random
import socket

# Below those that the kernel hands out: a suite takes thousands of these, and one might be the port of a server that a
# test has stopped.
_RANGE = range(12_000, 32_000)


def quiet_port() -> int:
    """A TCP port of the loopback interface that nobody else is given by chance."""
    while True:
        port = random.choice(_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
