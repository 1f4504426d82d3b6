"""Runs the benchmarks one after the other, and shows what they found."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ops.bench import (
    analytics,
    context,
    cost,
    dashboards,
    drain,
    gateway,
    governance,
    imports,
    ingest,
    large_user,
    memory,
    overhead,
    overload,
    publish,
    recall,
    recovery,
    report,
)
from ops.bench.findings import Findings
from ops.bench.machine import this_machine
from ops.bench.servers import Place

Benchmark = Callable[[Place, bool], Findings]

BENCHMARKS: Mapping[str, Benchmark] = {
    "imports": imports.measure,
    "publish": publish.measure,
    "context": context.measure,
    "gateway": gateway.measure,
    "recall": recall.measure,
    "large_user": large_user.measure,
    "ingest": ingest.measure,
    "drain": drain.measure,
    "cost": cost.measure,
    "recovery": recovery.measure,
    "memory": memory.measure,
    "overload": overload.measure,
    "analytics": analytics.measure,
    "dashboards": dashboards.measure,
    "overhead": overhead.measure,
    "governance": governance.measure,
}
"""Each is given a place of its own, and whether to be quick: to show that it works, not to measure."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks that are named, all without a name."""
    parser = argparse.ArgumentParser(prog="python -m ops.bench", description="Latency and throughput of this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="few samples: shows that it works, measures little")
    parser.add_argument("--points", type=int, metavar="N", help="memories that `governance` works among")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    run(given.names or list(BENCHMARKS), quick=given.quick, file=given.json, points=given.points)


def run(names: Sequence[str], *, quick: bool, file: Path | None, points: int | None = None) -> None:
    """Run benchmarks, print what each found as soon as it has, and write all of it to `file`."""
    machine = this_machine()
    print(report.heading(machine), flush=True)
    found: dict[str, Findings] = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix=f"afterword-bench-{name}-", ignore_cleanup_errors=True) as folder:
            found[name] = BENCHMARKS[name](Place(Path(folder), points), quick)
        print("", report.table(name, found[name]), sep="\n", flush=True)
    if file is not None:
        file.write_text(json.dumps(report.as_json(machine, found), indent=2) + "\n", encoding="utf-8")
