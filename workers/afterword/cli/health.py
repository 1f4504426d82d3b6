"""Asking a worker's own probes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request


def ask(port: int, probe: str = "readyz") -> tuple[bool, str]:
    """Whether the worker at this loopback port is ready (or alive: `healthz`), and what it told, as JSON."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{probe}", timeout=5) as response:
            return True, response.read().decode()
    except urllib.error.HTTPError as error:
        return False, error.read().decode()
    except OSError as error:
        return False, json.dumps({"error": str(error)})
