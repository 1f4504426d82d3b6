"""Findings as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ops.bench.findings import Comparison, Findings, Row
from ops.bench.machine import Machine

_NAME_WIDTH = 58
_VERDICTS = {True: "met", False: "MISSED", None: ""}


def heading(machine: Machine) -> str:
    """The machine in two lines."""
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, load {machine.load}; {machine.date}\n"
        f"Python {machine.python}, Redis {machine.redis}, PostgreSQL {machine.postgres}, Qdrant {machine.qdrant}"
    )


def table(name: str, findings: Findings) -> str:
    """One benchmark: its rows, then its comparisons."""
    lines = [*map(_row, findings.rows), *map(_comparison, findings.comparisons)]
    return "\n".join([name, "─" * 100, *lines])


def as_json(machine: Machine, found: Mapping[str, Findings]) -> dict[str, Any]:
    """Everything, without rounding."""
    return {"machine": asdict(machine), "benchmarks": {name: _plain(findings) for name, findings in found.items()}}


def _plain(findings: Findings) -> dict[str, Any]:
    comparisons = [{**asdict(comparison), "met": comparison.met} for comparison in findings.comparisons]
    return {"rows": [asdict(row) for row in findings.rows], "comparisons": comparisons}


def _row(row: Row) -> str:
    figures = "  ".join(f"{title} {_number(value):>6}" for title, value in row.figures.items())
    return f"  {row.name:{_NAME_WIDTH}} n {row.n:>5}  {figures}  {row.unit}"


def _comparison(comparison: Comparison) -> str:
    measured = f"{_number(comparison.measured)} {comparison.unit}"
    if comparison.aim is None:
        return f"→ {comparison.name:{_NAME_WIDTH}} {measured}"
    sign = "≤" if comparison.at_most else "≥"
    aim = f"{sign} {comparison.aim:.3g} {comparison.unit}"
    return f"→ {comparison.name:{_NAME_WIDTH}} {measured:16} aim {aim:22} {_VERDICTS[comparison.met]}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
