"""The role that Grafana reads the ledger with, made by the shipped SQL."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "ops" / "postgres" / "grafana.sql"


def provision(url: str, password: str) -> None:
    """Make the role, or give it what it should have now. Needs psql."""
    command = ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(SCRIPT), url]
    environment = {"PATH": os.environ["PATH"], "GRAFANA_DATABASE_PASSWORD": password}
    subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
