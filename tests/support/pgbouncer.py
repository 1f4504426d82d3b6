"""A PgBouncer before a PostgreSQL that listens on a socket."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from afterword.workers.embedded.postgres_server import answers, unprivileged_prefix
from afterword.workers.embedded.redis_server import free_port
from tests.support.waiting import wait_until


def find_pgbouncer() -> str | None:
    """The binary, if it is installed; Debian puts it where not everybody looks."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(binary: str, ledger_url: str, folder: Path, *, mode: str) -> Iterator[str]:
    """The URL of the ledger behind a PgBouncer in this pool mode."""
    url, port = make_url(ledger_url), free_port()
    folder.chmod(0o755)
    users = folder / "users.txt"
    users.write_text(f'"{url.username}" ""\n', encoding="utf-8")
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\nledger = host={url.query['host']} dbname={url.database} user={url.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\nauth_file = {users}\npool_mode = {mode}\nignore_startup_parameters = options\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [*unprivileged_prefix(), binary, "-q", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    through = f"postgresql://{url.username}@127.0.0.1:{port}/ledger"
    try:
        wait_until(lambda: answers(through), 10, "PgBouncer")
        yield through
    finally:
        process.terminate()
        process.wait()
