"""mem0 reads its environment once, when it is imported: call `prepare` before that."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def prepare() -> None:
    """Turn mem0's telemetry off, and give it a folder other than the home folder, which it creates on import.

    A folder named by MEM0_DIR is kept. Calling it again changes nothing.
    """
    os.environ["MEM0_TELEMETRY"] = "False"
    # Named after the user: another user's folder of the same name could not be written to.
    os.environ.setdefault("MEM0_DIR", str(Path(tempfile.gettempdir()) / f"afterword-mem0-{os.getuid()}"))
