"""The load test on real worker processes: both sides measure the same. How quick they were is not looked at."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.deployment import Deployment

QUICK = ["--rate", "30", "--seconds", "3", "--timeout", "10"]


def load(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The output of `python -m ops.load`, and its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "ops.load", *arguments],
        env={**os.environ, "AFTERWORD_REDIS_URL": deployment.redis.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_both_sides_agree(deployment: Deployment) -> None:
    workers = deployment.start("ingest", "context")
    urls = [part for worker in workers for part in ("--metrics", f"http://127.0.0.1:{worker.port}/metrics")]
    shown = load(deployment, *QUICK, *urls)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "DISAGREE" not in shown.stdout
    assert "p99 of a reply" in shown.stdout

    without_ingest = load(deployment, *QUICK, "--settle", "1", *urls[2:])
    assert without_ingest.returncode == 1, without_ingest.stdout + without_ingest.stderr
    assert [line.split()[0] for line in without_ingest.stdout.splitlines() if "DISAGREE" in line] == ["conversations"]


def test_workers_that_cannot_be_asked_are_no_agreement(deployment: Deployment) -> None:
    shown = load(deployment, *QUICK, "--metrics", "http://127.0.0.1:1/metrics")
    assert shown.returncode == 2
    assert "http://127.0.0.1:1/metrics" in shown.stdout
