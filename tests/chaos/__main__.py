"""The long run: `python -m tests.chaos [--seed N] [--conversations 2000] [--seconds 300]`."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.runner import Plan, run


def main() -> int:
    """Run once; 1 when something was wrong."""
    options = argparse.ArgumentParser(
        description="Kills, outages and hostile messages under load; at the end, sets are compared."
    )
    options.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options.add_argument("--conversations", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=300.0)
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="afterword-chaos-"))
    sys.stdout.write(f"seed {given.seed}, logs in {folder}\n")
    sys.stdout.flush()
    report = run(Plan(given.seed, given.conversations, given.seconds), folder)
    sys.stdout.write(f"{report}\n")
    if report.problems:
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
