"""The Model Context Protocol: memory as tools for whatever speaks it, such as Claude, Cursor and other agents.

The tools are defined once, in `tools`. `stdio` serves them to one user over a process's own streams; the gateway serves
them to all its callers over HTTP, at `/mcp`.
"""
