"""Wiring: the one place where the parts are put together, a module a room.

Each room builds a part when it is first asked for, so that a role loads only what it uses.
"""
