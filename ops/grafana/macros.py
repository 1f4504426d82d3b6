"""An expression as Grafana asks it: with macros and variables filled in.

For whoever runs the expressions without Grafana. The macros are those of its PostgreSQL and Prometheus data sources
that panels use; another raises ValueError, so that nothing runs here that Grafana would read differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+):sqlstring\}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time, the distance of two points in it, and what was chosen; a variable not named is All."""

    since: datetime
    until: datetime
    interval: timedelta = timedelta(hours=1)
    chosen: Mapping[str, str] = field(default_factory=dict)
    typed: str = "%"

    def sql(self, text: str) -> str:
        """The query that PostgreSQL gets."""
        text = _VARIABLE.sub(lambda found: _literal(self.chosen.get(found[1], "")), text)
        text = text.replace("$__searchFilter", self.typed.replace("'", "''"))
        text = text.replace("$__interval", f"{int(self.interval.total_seconds())}s")
        return _whole(_MACRO.sub(lambda found: self._macro(found[1], found[2]), text))

    def promql(self, text: str) -> str:
        """The expression that Prometheus gets; rates look at four intervals."""
        seconds = int((self.until - self.since).total_seconds())
        step = int(self.interval.total_seconds())
        text = text.replace("$__rate_interval", f"{4 * step}s").replace("$__range", f"{seconds}s")
        return _whole(text)

    def _macro(self, name: str, arguments: str) -> str:
        filled: dict[str, Callable[..., str]] = {
            "__timeFilter": lambda column: f"{column} BETWEEN {_moment(self.since)} AND {_moment(self.until)}",
            "__timeFrom": lambda _: _moment(self.since),
            "__timeTo": lambda _: _moment(self.until),
            "__timeGroupAlias": _group,
        }
        if name not in filled:
            raise ValueError(f"${name} is not known here")
        return filled[name](*(argument.strip() for argument in arguments.split(",")))


def _whole(text: str) -> str:
    if "$" in text:
        raise ValueError(f"not filled in: {text}")
    return text


def _group(column: str, interval: str) -> str:
    found = re.fullmatch(r"'?(\d+)([smhd])'?", interval)
    if found is None:
        raise ValueError(f"not an interval: {interval}")
    seconds = int(found[1]) * _UNITS[found[2]]
    return f'floor(extract(epoch from {column})/{seconds})*{seconds} AS "time"'


def _moment(at: datetime) -> str:
    return _literal(at.isoformat())


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
