"""The short run; the long one is `make chaos`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.chaos.runner import Plan, run


@pytest.mark.chaos
def test_nothing_is_lost_and_nothing_is_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("AFTERWORD_CHAOS_SEED") or random.randrange(1_000_000))

    report = run(Plan(seed, conversations=150, seconds=18, subjects=20, leavers=3, patience=150), tmp_path)

    assert not report.problems, str(report)
