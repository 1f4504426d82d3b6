"""Where Redis is, and how connections to it are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from afterword.schemas.errors import InvalidInput

CONNECT_SECONDS = 5.0
"""The bound of a connection, and of each step of its handshake. A background thread or task waits for it, no caller."""
IDLE_LINKS = 16
"""How many connections of a client stand ready at most."""


class Address:
    """A parsed Redis URL: makes connections, and tells the user without the password.

    Raises:
        InvalidInput: Redis has no such URL. The message does not repeat it, since it may hold a password.
    """

    def __init__(self, url: str, parse: Callable[[str], Any]) -> None:
        try:
            options = dict(parse(url))
        except ValueError:
            raise InvalidInput(
                "AFTERWORD_REDIS_URL",
                "another form",
                "must be redis://[user:password@]host:port/db, rediss:// or unix://",
            ) from None
        self.user = str(options.get("username") or "default")
        # redis-py's parser names another class for TLS and for a Unix socket.
        self._connection_class = options.pop("connection_class", None)
        self._options = options | _quiet()

    def connection(self, default_class: type[Any], *, seconds: float | None) -> Any:
        """A connection that is not connected yet; `seconds` bounds each wait of its handshake."""
        make = self._connection_class or default_class
        return make(**self._options, socket_timeout=seconds, socket_connect_timeout=seconds)


def _quiet() -> dict[str, Any]:
    """No round trip that is not needed (RESP 2 needs no HELLO), and no retry: the outbox retries."""
    # redis-py 7.2 renamed what switches CLIENT SETINFO off, and warns of the old names.
    anonymous = {"driver_info": None} if hasattr(redis, "DriverInfo") else {"lib_name": None, "lib_version": None}
    return {"protocol": 2, "health_check_interval": 0, "retry_on_timeout": False, "retry_on_error": [], **anonymous}
