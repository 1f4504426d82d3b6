"""Outcomes as people and programs read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ops.eval.outcomes import Outcome, Sum, added, by_kind, by_language

Sides = Mapping[str, Sequence[Outcome]]
_Columns = Mapping[str, Callable[[Sum], str]]

_QUALITY: _Columns = {
    "expected": lambda row: str(row.score.expected),
    "covered": lambda row: _share(row.score.covered, row.score.expected),
    "scope": lambda row: str(row.score.scope_errors),
    "dates": lambda row: _of(row.score.date_errors, row.score.dated),
    "sources": lambda row: _of(row.score.source_errors, row.score.sourced),
    "leaks": lambda row: str(row.score.leaks),
    "intrusions": lambda row: str(row.score.intrusions),
    "found": lambda row: str(row.score.found),
    "misplaced": lambda row: str(row.score.misplaced),
    "superfluous": lambda row: str(row.score.superfluous),
}
_COST: _Columns = {
    "calls": lambda row: str(row.cost.calls),
    "failed": lambda row: str(row.failed),
    "prompt": lambda row: f"{row.cost.prompt:,}",
    "cached": lambda row: f"{row.cost.cached:,}",
    "completion": lambda row: f"{row.cost.completion:,}",
    "seconds": lambda row: f"{row.cost.seconds:.1f}",
}


def tables(sides: Sides) -> str:
    """Quality, then cost: in total, by kind and by language, the sides below each other."""
    quality = _table("QUALITY   errors in: scope, dates, sources", _QUALITY, sides)
    return f"{quality}\n\n{_table('COST', _COST, sides)}"


def as_json(model: str, embedder: str, sides: Sides) -> dict[str, Any]:
    """Everything, down to the facts found and missed in each conversation."""
    return {"model": model, "embedder": embedder, "sides": {name: _side(each) for name, each in sides.items()}}


def _table(title: str, columns: _Columns, sides: Sides) -> str:
    head = f"{'':24}" + "".join(f"{name:>12}" for name in columns)
    rows = [
        f"{label if side == next(iter(sides)) else '':13} {side:10}"
        + "".join(f"{cell(row):>12}" for cell in columns.values())
        for label in _labels(sides)
        for side, outcomes in sides.items()
        if (row := _rows(outcomes).get(label)) is not None
    ]
    return "\n".join([title, head, "─" * len(head), *rows])


def _labels(sides: Sides) -> list[str]:
    return list(dict.fromkeys(label for outcomes in sides.values() for label in _rows(outcomes)))


def _rows(outcomes: Sequence[Outcome]) -> dict[str, Sum]:
    languages = {f"in {language}": row for language, row in by_language(outcomes).items()}
    return {"total": added(outcomes), **by_kind(outcomes), **languages}


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "—"


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "—"


def _side(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "total": _sum(added(outcomes)),
        "kinds": {kind: _sum(row) for kind, row in by_kind(outcomes).items()},
        "languages": {language: _sum(row) for language, row in by_language(outcomes).items()},
        "conversations": {outcome.case.event.event_id: _conversation(outcome) for outcome in outcomes},
    }


def _sum(row: Sum) -> dict[str, Any]:
    expected = row.score.expected
    coverage = row.score.covered / expected if expected else None
    return {"coverage": coverage, **asdict(row.score), **asdict(row.cost), "failed": row.failed}


def _conversation(outcome: Outcome) -> dict[str, Any]:
    return {
        **asdict(outcome.score),
        **asdict(outcome.cost),
        "failures": list(outcome.failures),
        "facts": [asdict(fact) for fact in outcome.facts],
        "missed": [fact.model_dump(mode="json") for fact in outcome.missed],
    }
