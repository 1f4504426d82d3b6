"""The Redis that ops ships: its configuration, its users and its start script, on a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests.support.ports import quiet_port
from tests.support.waiting import wait_until

START = Path(__file__).parents[2] / "ops" / "redis" / "start.sh"
PASSWORDS = {f"REDIS_{user.upper()}_PASSWORD": user[0] * 40 for user in ("worker", "producer", "gateway")}


def available() -> bool:
    """Whether there is a `redis-server` for the script to become."""
    return shutil.which("redis-server") is not None


@dataclass
class OpsRedis:
    """`start.sh`, run in `folder` with these passwords."""

    folder: Path
    passwords: dict[str, str] = field(default_factory=lambda: PASSWORDS)
    port: int = field(default_factory=quiet_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def users_file(self) -> Path:
        return self.folder / "users.acl"

    @property
    def log(self) -> str:
        return (self.folder / "redis.log").read_text()

    def run(self) -> subprocess.Popen[bytes]:
        """Run the script, and wait for nothing."""
        with (self.folder / "redis.log").open("wb") as log:
            return subprocess.Popen(
                ["sh", START, "--bind", "127.0.0.1", "--port", str(self.port)],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "REDIS_USERS_FILE": str(self.users_file), **self.passwords},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> None:
        """Run it and wait until the port is open. Raises: AssertionError, with its log."""
        self._process = self.run()
        wait_until(lambda: self._open() or self._ended(), what="redis-server to listen")
        assert not self._ended(), self.log

    def stop(self) -> None:
        """End it, data and all."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def url(self, user: str) -> str:
        """The URL of a user that the script made."""
        return f"redis://{user}:{self.passwords[f'REDIS_{user.upper()}_PASSWORD']}@127.0.0.1:{self.port}/0"

    def client(self, user: str, *, protocol: int = 3) -> Any:
        """A client of that user. Not typed: redis-py leaves `execute_command` untyped."""
        return redis.Redis.from_url(self.url(user), protocol=protocol)

    def _open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None
