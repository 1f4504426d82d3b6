"""The HTTP port of a worker process: /metrics, /healthz and /readyz.

/healthz says whether the worker's threads run, /readyz also whether every component it needs responds. Both list the
status of each component. /healthz never waits for one: a server that hangs must get no worker killed. /readyz waits a
bounded time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from afterword.workers.core.errors import Misconfigured
from afterword.workers.runtime.health import Check, Health

_STOP_SECONDS = 0.05  # how soon `stop` is noticed; the default is half a second


class ProbeServer:
    """Listens from `start` to `stop`. `port` is the real one, also where 0 was asked for."""

    def __init__(self, host: str, port: int, *, registry: Collector) -> None:
        """Raises: Misconfigured, when the port is taken or the address is not one of this machine's."""
        self._registry = registry
        try:
            # The port is taken now; the class that answers is set by `start`.
            self._server = ThreadingHTTPServer((host, port), BaseHTTPRequestHandler)
        except OSError as error:
            raise Misconfigured(
                f"probes cannot listen on {host}:{port} ({error.strerror or error}): "
                "set AFTERWORD_PROBE_PORT (0 takes a free one) or AFTERWORD_PROBE_HOST"
            ) from None
        # A scraper that never reads its answer must not keep the process from ending.
        self._server.daemon_threads = True
        serve = partial(self._server.serve_forever, poll_interval=_STOP_SECONDS)
        self._thread = threading.Thread(target=serve, name="probes", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self, *, is_alive: Callable[[], bool], health: Health) -> None:
        """Begin to answer."""
        self._server.RequestHandlerClass = _handler(self._registry, is_alive, health)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _handler(registry: Collector, is_alive: Callable[[], bool], health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._send(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                case "/healthz":
                    self._send_status("alive", is_alive(), health.known())
                case "/readyz":
                    found = health.look()
                    self._send_status("ready", is_alive() and health.suffices(found), found)
                case _:
                    self._send_json(404, {"error": "try /metrics, /healthz or /readyz"})

        def _send_status(self, claim: str, holds: bool, found: Sequence[Check]) -> None:
            worker = {"status": "ok" if is_alive() else "failed", "detail": "its threads", "needed": True}
            components = {"worker": worker} | {each.component: self._status_of(each) for each in found}
            self._send_json(200 if holds else 503, {claim: holds, "components": components})

        def _status_of(self, check: Check) -> dict[str, object]:
            needed = health.needs(check.component)
            return {"status": check.status, "detail": check.detail, "needed": needed}

        def _send_json(self, code: int, body: object) -> None:
            self._send(code, "application/json", json.dumps(body).encode())

        def _send(self, code: int, content_type: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds: not worth a line each."""

    return Handler
