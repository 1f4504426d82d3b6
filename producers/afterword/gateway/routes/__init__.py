"""The canonical API, `/api/v1`: a module for each noun.

A router holds its whole paths, and is included without a prefix: they are the names of routes in the access log and in
the metrics.
"""

from __future__ import annotations

from typing import Final

API: Final = "/api/v1"
