"""Serving the application: in the main thread for `afterword gateway`, in a thread beside the embedded stack."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from afterword.gateway.app import create_app
from afterword.gateway.connections import bounded
from afterword.gateway.keys import KeyCheck
from afterword.gateway.settings import PREFIX, GatewaySettings, unknown_variables
from afterword.schemas.errors import InvalidInput

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
_BACKLOG = 2048
"""Connections that wait to be taken: 1,000 clients may come at once."""


def serve(settings: GatewaySettings, *, keys: KeyCheck | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in work are finished within the grace.

    Raises: InvalidInput, for an address that cannot be listened on.
    """
    # uvicorn sends itself the signal once more when it has stopped: the process would end as if it had been killed.
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: None)
    with listening(settings) as taken:
        server = uvicorn.Server(_config(create_app(settings, keys=keys), settings))
        tell_address(settings, taken)
        server.run(sockets=[taken])
        logger.info("the gateway has stopped")


class GatewayServer:
    """The gateway in a thread of its own, started and stopped.

    >>> server = GatewayServer(GatewaySettings(insecure_dev=True, port=0))  # doctest: +SKIP
    >>> server.start()  # doctest: +SKIP
    >>> server.url  # doctest: +SKIP
    'http://127.0.0.1:8642'
    """

    def __init__(self, settings: GatewaySettings, *, keys: KeyCheck | None = None) -> None:
        """Raises: InvalidInput, for an address that cannot be listened on: the port is taken now."""
        self._settings = settings
        self._socket = listening(settings)
        self._server = uvicorn.Server(_config(create_app(settings, keys=keys), settings))
        # A daemon: a request that hangs keeps no process from ending.
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """The address to give to clients."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self._socket.getsockname()[1]}"

    @property
    def settings(self) -> GatewaySettings:
        """Its settings, as they were given."""
        return self._settings

    def start(self) -> None:
        """Return once it answers."""
        tell_address(self._settings, self._socket)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self._server.started:
            raise RuntimeError("the gateway did not start")

    def stop(self) -> None:
        """Finish the requests in work, send what waits, and answer no more."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(self._settings.shutdown_grace + 5)
        self._socket.close()

    def is_alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def listening(settings: GatewaySettings) -> socket.socket:
    """A socket that listens where the settings say. Raises: InvalidInput."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InvalidInput(
            f"{PREFIX}PORT",
            str(settings.port),
            f"choose another: at {settings.host} it cannot be listened on, {error.strerror or error}",
        ) from None


def tell_unknown_variables() -> None:
    """Warn of variables that look like settings and are none. Values are not told: one may be a secret."""
    for name in unknown_variables(os.environ):
        logger.warning("%s is no setting and changes nothing: docs/gateway.md lists them", name)


def tell_address(settings: GatewaySettings, taken: socket.socket) -> None:
    """Log where it listens, and loudly when nobody is asked who they are."""
    logger.info("the gateway listens on %s, port %d", settings.host, taken.getsockname()[1])
    if settings.insecure_dev:
        logger.warning("INSECURE: nobody is asked who they are; every program of this machine may read every memory")


def _config(app: FastAPI, settings: GatewaySettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded(settings.body_seconds),
        # Ours is the log of accesses, without query strings.
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="on",
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_grace,
    )
