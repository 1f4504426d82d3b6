"""The machine that the figures are of."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from afterword.workers.embedded.postgres_server import find_postgres_binaries
from afterword.workers.embedded.redis_server import find_redis_binary


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware, versions and time. `load` is the load average of the last minute, before the benchmarks began."""

    cpu: str
    cores: int
    memory_gib: float
    load: float
    python: str
    redis: str
    postgres: str
    qdrant: str
    date: str


def this_machine() -> Machine:
    """The machine and the versions that are found here and now."""
    postgres = find_postgres_binaries()
    return Machine(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        redis=_version_of(find_redis_binary()),
        postgres=_version_of(postgres and postgres / "postgres"),
        qdrant=f"edge {version('qdrant-edge-py')}",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()


def _version_of(binary: str | Path | None) -> str:
    """The first word of `--version` that begins with a digit, a leading "v=" aside."""
    if not binary:
        return "none"
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    words = (word.removeprefix("v=") for word in said.split())
    return next((word for word in words if word[:1].isdigit()), said.strip())
