"""Asking a worker's own readiness probe."""

from __future__ import annotations

import json
import urllib.error
import urllib.request


def ask(port: int) -> tuple[bool, str]:
    """Whether the worker at this loopback port is ready, and what it told, as JSON."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return True, response.read().decode()
    except urllib.error.HTTPError as error:
        return False, error.read().decode()
    except OSError as error:
        return False, json.dumps({"ready": False, "error": str(error)})
