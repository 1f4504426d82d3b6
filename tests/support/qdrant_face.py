"""A Qdrant server for tests: the part of its REST API that Afterword uses, over Qdrant Edge, the same engine.

It lets several processes share one store, and the real qdrant-client be tested, where no Qdrant server can be had.
`python -m tests.support.qdrant_face --port 6333 --path DIR` runs it by itself until SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from tests.support.qdrant_face_collections import Collections, Refusal

VERSION = "1.20.0"

_Json = dict[str, Any]
_ROUTES: list[tuple[str, str, str]] = [
    ("GET", r"/collections", "names"),
    ("GET", r"/collections/([^/]+)/exists", "exists"),
    ("PUT", r"/collections/([^/]+)", "create"),
    ("GET", r"/collections/([^/]+)", "info"),
    ("PATCH", r"/collections/([^/]+)", "describe"),
    ("DELETE", r"/collections/([^/]+)", "drop"),
    ("PUT", r"/collections/([^/]+)/index", "index"),
    ("PUT", r"/collections/([^/]+)/points", "upsert"),
    ("POST", r"/collections/([^/]+)/points", "retrieve"),
    ("POST", r"/collections/([^/]+)/points/query", "query"),
    ("POST", r"/collections/([^/]+)/points/query/batch", "query_batch"),
    ("POST", r"/collections/([^/]+)/points/scroll", "scroll"),
    ("POST", r"/collections/([^/]+)/points/count", "count"),
    ("POST", r"/collections/([^/]+)/points/payload", "set_payload"),
    ("POST", r"/collections/([^/]+)/points/delete", "delete"),
    ("POST", r"/collections/([^/]+)/facet", "facet"),
]


class QdrantFace:
    """A server on a port of this machine, its data in `folder`; `start` again after `stop` finds the data."""

    def __init__(self, folder: Path, port: int = 0, version: str = VERSION) -> None:
        self._collections = Collections(folder)
        self._port = port
        self._version = version
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._collections.open()
        self.resume()

    def stop(self) -> None:
        """Refuse connections and close the data."""
        self.pause()
        self._collections.close()

    def pause(self) -> None:
        """Be unreachable: open connections are dropped, new ones refused."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.drop_connections()

    def resume(self) -> None:
        """Be reachable again, on the same port."""
        if self._server is None:
            self._server = _Server(self._port, self._collections, self._version)
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), name="qdrant-face", daemon=True).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, collections: Collections, version: str) -> None:
        self.collections = collections
        self.version = version
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has gone is no news
            super().handle_error(request, client_address)

    def drop_connections(self) -> None:
        """Hang up on everyone."""
        for connection in list(self._connections):
            with suppress(OSError):  # it may have ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client died on the way
            self.close_connection = True
            return
        try:
            status, answer = HTTPStatus.OK, self._result(json.loads(body) if body else {})
        except Refusal as refusal:
            status, answer = refusal.status, {"status": {"error": str(refusal)}, "time": 0.0}
        self._send(status, json.dumps(answer).encode())

    def _result(self, body: _Json) -> _Json:
        path = self.path.partition("?")[0]
        if path == "/":
            return {"title": "qdrant - vector search engine", "version": self.server.version}
        if path == "/telemetry":
            return {"result": _telemetry(), "status": "ok", "time": 0.0}
        operation, arguments = _routed(self.server.collections, self.command, path)
        result = operation(*arguments, body)
        return {"result": result, "status": "ok", "time": 0.0}

    def _send(self, status: HTTPStatus, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _telemetry() -> _Json:
    resident = psutil.Process().memory_info().rss
    memory = dict.fromkeys(("active_bytes", "allocated_bytes", "metadata_bytes", "retained_bytes"), 0)
    return {"id": "face", "collections": {"number_of_collections": 0}, "memory": {**memory, "resident_bytes": resident}}


def _routed(collections: Collections, method: str, path: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    for known, pattern, name in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and known == method:
            return getattr(collections, name), match.groups()
    raise Refusal(HTTPStatus.NOT_FOUND, f"this Qdrant has no {method} {path}")


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--path", type=Path, required=True)
    arguments = parser.parse_args()
    face = QdrantFace(arguments.path, arguments.port)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    face.start()
    ended.wait()
    face.stop()


if __name__ == "__main__":
    main()
