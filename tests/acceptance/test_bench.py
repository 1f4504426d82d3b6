"""The benchmarks run, on servers and worker processes of their own. What they measure is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_every_benchmark_runs_quickly_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    bench = [sys.executable, "-m", "ops.bench", "--quick", "--json", str(file)]

    shown = subprocess.run(bench, capture_output=True, text=True, timeout=180, check=False)

    assert shown.returncode == 0, shown.stderr
    found = json.loads(file.read_text())["benchmarks"]
    assert list(found) == ["imports", "publish", "context", "ingest"]
    for name, findings in found.items():
        assert name in shown.stdout
        assert findings["comparisons"]
        assert all(value > 0 for row in findings["rows"] for title, value in row["figures"].items() if title != "left")
