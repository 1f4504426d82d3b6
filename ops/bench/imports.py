"""How long a fresh interpreter takes to import the producers, beside the two libraries that they stand on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops.bench.findings import Comparison, Findings, Row
from ops.bench.servers import Place

AIM_TIMES = 2.5
_RUNS = 5
_MODULES = {"afterword.producers": "afterword.producers", "redis and pydantic alone": "redis, pydantic"}


def measure(place: Place, quick: bool) -> Findings:
    """The best of a few runs each, in turn."""
    runs = 1 if quick else _RUNS
    seconds: dict[str, list[float]] = {name: [] for name in _MODULES}
    for _ in range(runs):
        for name, modules in _MODULES.items():
            seconds[name].append(_import_seconds(modules, place.folder))
    best = {name: min(taken) for name, taken in seconds.items()}
    ours, bare = best.values()
    return Findings(
        [Row(f"import {name}", runs, {"best": 1000 * taken}, "ms") for name, taken in best.items()],
        [Comparison("import afterword.producers / redis and pydantic alone", ours / bare, "times", AIM_TIMES)],
    )


def _import_seconds(modules: str, folder: Path) -> float:
    code = f"import time; started = time.perf_counter(); import {modules}; print(time.perf_counter() - started)"
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout)
