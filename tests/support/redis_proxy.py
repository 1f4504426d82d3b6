"""A TCP proxy before a Redis, for trouble at the right moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Literal, Self

Trouble = Literal["request lost", "reply lost", "silence"]
"""The connection breaks before the request, or after it was carried out; or its reply never comes."""


@dataclass
class _Link:
    """One client's connection and its counterpart at the server."""

    client: socket.socket
    server: socket.socket
    trouble: Trouble | None = None

    def cut(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class RedisProxy:
    """Forwards to a local port. `fail` troubles the next request that holds a word."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._plan: tuple[bytes, Trouble] | None = None
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    @property
    def done(self) -> bool:
        """Whether the trouble has happened."""
        return self._plan is None

    def fail(self, word: bytes, trouble: Trouble) -> None:
        """Trouble the next request that holds `word`, once."""
        self._plan = (word, trouble)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for link in self._links:
            link.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                link = _Link(client, socket.create_connection(self._target))
                self._links.append(link)
                threading.Thread(target=self._carry_requests, args=(link,), daemon=True).start()
                threading.Thread(target=self._carry_replies, args=(link,), daemon=True).start()

    def _carry_requests(self, link: _Link) -> None:
        with contextlib.suppress(OSError), link.client, link.server:
            while data := link.client.recv(65536):
                plan = self._plan
                if plan and plan[0] in data:
                    self._plan, link.trouble = None, plan[1]
                if link.trouble == "request lost":
                    break
                link.server.sendall(data)
            link.cut()

    def _carry_replies(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.server.recv(65536):
                if link.trouble == "reply lost":
                    break
                if link.trouble is None:
                    link.client.sendall(data)
            link.cut()
