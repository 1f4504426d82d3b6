"""Explanations as an operator reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from afterword.cli.explanations import explanation_table, memory_line, why
from afterword.schemas import Explanation, Kind, Memory, Scope

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def explanation(text: str = "likes tea", left_out: str | None = None, **signals: float) -> Explanation:
    memory = Memory(id="m", text=text, scope=Scope.USER, kind=Kind.FACT, occurred_at=NOON)
    return Explanation(memory=memory, score=sum(signals.values()), relevance=0.876, signals=signals, left_out=left_out)


def test_the_reason_is_what_each_signal_makes_of_the_score() -> None:
    assert why(explanation(dense=0.25, lexical=0.75)) == "given: lexical 75%, dense 25%"
    assert why(explanation(left_out="others rank higher", dense=0.5)) == "left out: others rank higher (dense 100%)"
    assert why(explanation()) == "given: by no signal"


def test_a_row_a_memory_with_a_column_a_signal() -> None:
    lines = explanation_table([explanation(dense=0.25, lexical=0.5), explanation("likes\n\ncoffee", dense=0.1)])
    head, first, _, second, _ = lines.splitlines()
    assert head.split() == ["#", "relevance", "score", "dense", "lexical", "memory"]
    assert first.split() == ["1", "0.88", "0.750", "0.250", "0.500", "likes", "tea"]
    assert second.split() == ["2", "0.88", "0.100", "0.100", "-", "likes", "coffee"]
    assert head.index("memory") == first.index("likes") == second.index("likes")


@pytest.mark.parametrize("count", [0, 1])
def test_without_signals_there_is_a_table_all_the_same(count: int) -> None:
    assert len(explanation_table([explanation()] * count).splitlines()) == 1 + 2 * count


def test_a_long_text_is_cut() -> None:
    line = memory_line(explanation("word " * 100).memory)
    assert line.startswith("   -  m  user/fact")
    assert "[2026-05-01 12:00:00]" in line
    assert line.endswith("…")
    assert len(line) < 160
    assert memory_line(explanation().memory.model_copy(update={"score": 0.5})).startswith("0.50  m")
