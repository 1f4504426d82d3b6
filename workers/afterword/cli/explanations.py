"""Memories and explanations as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from afterword.schemas import Explanation, Memory
from afterword.schemas.printable import printable

_PLACE, _NUMBER = 4, 10
_SHOWN = 100  # characters of a text


def memory_line(memory: Memory) -> str:
    """Score, id, scope and kind, time, text."""
    score = "-" if memory.score is None else f"{memory.score:.2f}"
    owner = f"{memory.scope}/{memory.kind}"
    return f"{score:>4}  {memory.id}  {owner:15}  [{memory.occurred_at:%Y-%m-%d %H:%M:%S}]  {_one_line(memory.text)}"


def explanation_table(explanations: Sequence[Explanation]) -> str:
    """A memory a row, by rank: relevance, score, what each signal adds to it, and why it is there or was left out."""
    # Each signal once, in the order of first use, which a set would lose.
    signals = list(dict.fromkeys(name for each in explanations for name in each.signals))
    head = f"{'#':>{_PLACE}}" + "".join(f"{name:>{_width(name)}}" for name in ("relevance", "score", *signals))
    return "\n".join([f"{head}  memory", *(_row(place, each, signals) for place, each in enumerate(explanations, 1))])


def _row(place: int, explanation: Explanation, signals: Sequence[str]) -> str:
    numbers = [f"{explanation.relevance:>{_width('relevance')}.2f}", f"{explanation.score:>{_width('score')}.3f}"]
    for name in signals:
        value = explanation.signals.get(name)
        numbers.append(f"{'-' if value is None else f'{value:.3f}':>{_width(name)}}")
    told = f"{place:>{_PLACE}}{''.join(numbers)}  {_one_line(explanation.memory.text)}"
    return f"{told}\n{'':{_PLACE + 2}}{why(explanation)}"


def why(explanation: Explanation) -> str:
    """The reason in words: what was left out and why, else how much of the score each signal makes, most first."""
    told = sorted(explanation.signals.items(), key=lambda signal: -signal[1])
    total = sum(value for _, value in told if value > 0)
    parts = ", ".join(f"{name} {value / total:.0%}" for name, value in told if value > 0) or "by no signal"
    if explanation.replaced_by:
        parts += f"; {explanation.replaced_by} has taken its place"
    return f"left out: {explanation.left_out} ({parts})" if explanation.left_out else f"given: {parts}"


def _width(name: str) -> int:
    return max(_NUMBER, len(name) + 2)


def _one_line(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
