"""Core: what every room speaks in. Errors, ids, turns and messages."""
