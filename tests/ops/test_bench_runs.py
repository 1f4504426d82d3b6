"""The command that runs benchmarks, on servers and worker processes of their own. What it measures is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SMOKE = ["publish", "ingest"]
"""Between them they start what all start; `test_bench_quick` runs every benchmark."""


def test_benchmarks_run_quickly_and_write_their_figures(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    bench = [sys.executable, "-m", "ops.bench", *SMOKE, "--quick", "--json", str(file)]

    shown = subprocess.run(bench, capture_output=True, text=True, timeout=180, check=False)

    assert shown.returncode == 0, shown.stderr
    found = json.loads(file.read_text())["benchmarks"]
    assert list(found) == SMOKE
    for name, findings in found.items():
        assert name in shown.stdout
        assert findings["comparisons"]
        assert all(value > 0 for row in findings["rows"] for value in row["figures"].values())
