"""Strings that no log line and no kept error may show, and what watches for them throughout the suite.

Tests put them where secrets and what people say are; `SAID` is what tests make people say anyway.
"""

from __future__ import annotations

import logging

from dramatiq.actor import Actor

ACTORS = Actor.__call__.__code__.co_filename

MARK = "kanarie"

SAID = (
    "I play the cello",
    "I moved to Lisbon",
    "allergic to peanuts",
    "My secret word is",
    "about the outage",
    "theorbo in Lisbon",
    "sk-secret",
)
"""Parts of messages, memories and keys all over the suite."""


def canary(where: str) -> str:
    """A word that occurs nowhere else; `where` tells, when it shows up, where it had been put."""
    return f"{MARK}-{where}-7c1f"


def shown(text: str) -> list[str]:
    """The lines in which one of them shows up."""
    lowered = tuple(each.lower() for each in (MARK, *SAID))
    return [line for line in text.splitlines() if any(each in line.lower() for each in lowered)]


class Watch(logging.Handler):
    """Keeps the lines of our loggers in which one shows up, tracebacks included, as they would be printed."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record. What Dramatiq's actors log themselves is in no log of ours (`logs.py`)."""
        if record.pathname == ACTORS:
            return
        self.lines += [f"{record.name}: {line}" for line in shown(self.format(record))]
