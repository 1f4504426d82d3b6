"""Text that every store can keep."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot keep: NUL goes, half a surrogate pair becomes "?"."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
