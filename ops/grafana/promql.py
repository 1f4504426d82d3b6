"""The few forms of PromQL that panels use.

What happened is counted by the process in which it happened: rates are added up. What stands in a server is read by
every scheduler, so that of these the largest is taken; added up they would count twice.
"""

from __future__ import annotations

from ops.grafana.queries import PromQL

RATE = "$__rate_interval"
RANGE = "$__range"


def rate(metric: str, *by: str, where: str = "") -> str:
    """How often a second, by labels."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{RATE}]))"


def rate_by(metric: str, *labels: str, where: str = "") -> PromQL:
    """`rate` by labels, which also name each series."""
    return PromQL(rate(metric, *labels, where=where), _named(labels))


def total(metric: str, *by: str, where: str = "", over: str = RANGE) -> str:
    """How often in the whole range, by labels."""
    return f"sum{_by(by)} (increase({metric}{_where(where)}[{over}]))"


def quantile(share: float, histogram: str, *by: str, where: str = "", over: str = RATE) -> str:
    """The value that this share of observations did not exceed, by labels. `histogram` is its name without suffix."""
    return f"histogram_quantile({share}, sum{_by(('le', *by))} (rate({histogram}_bucket{_where(where)}[{over}])))"


def standing(reading: str, *by: str, where: str = "") -> str:
    """A reading of the schedulers, by labels."""
    return f"max{_by(by)} ({reading}{_where(where)})"


def standing_by(reading: str, *labels: str) -> PromQL:
    """`standing` by labels, which also name each series."""
    return PromQL(standing(reading, *labels), _named(labels))


def ratio(part: str, whole: str) -> str:
    """The share that a part has of the whole; 0 where the part has not happened yet."""
    return f"({part} or vector(0)) / {whole}"


def _named(labels: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
