"""Serving memory to one user's application over the Model Context Protocol: `mcp`."""

from __future__ import annotations

import os


def mcp() -> None:
    """Serve memory as tools over stdin and stdout, for Claude, Cursor and others. AFTERWORD_USER_ID names the user."""
    # Works with `afterword[mcp]` alone: no worker is imported.
    from afterword.integrations.mcp.stdio import serve_stdio

    serve_stdio(os.environ)
