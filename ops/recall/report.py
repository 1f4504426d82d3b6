"""The measurements, as people and programs read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ops.recall.measuring import Answer
from ops.recall.memories import MemoryKinds
from ops.recall.scoring import CUTS, Figures, slices

_LEAST_WIDTH = 5  # of a figure: 0.123


@dataclass(frozen=True, slots=True)
class Run:
    """A part with some of its memories in one store; `answers` by system, of the same questions in the same order."""

    part: str
    kinds: MemoryKinds
    conversations: int
    memories: int
    answers: Mapping[str, Sequence[Answer]]

    @property
    def figures(self) -> dict[str, dict[str, Figures]]:
        """By system, then by slice (all, each kind, each language)."""
        return {name: slices([each.outcome for each in some]) for name, some in self.answers.items()}


def _recall_at(place: int) -> Callable[[Figures], float | None]:
    return lambda figures: figures.recall[place]


_COLUMNS: Mapping[str, Callable[[Figures], float | None]] = {
    **{f"R@{cut}": _recall_at(place) for place, cut in enumerate(CUTS)},
    "MRR": lambda figures: figures.mrr,
    "newer first": lambda figures: figures.newer_first,
    "injected": lambda figures: figures.injected,
    "coverage": lambda figures: figures.coverage,
    "precision": lambda figures: figures.precision,
    "false inj.": lambda figures: figures.false_injection,
    "off topic": lambda figures: figures.off_topic,
}


def summary(run: Run) -> str:
    """All figures over all questions, a line a system."""
    lines = {name: [column(found["all"]) for column in _COLUMNS.values()] for name, found in run.figures.items()}
    counted = next(iter(run.answers.values()))
    title = (
        f"{run.part.upper()}, {run.kinds}: {run.conversations} conversations, {run.memories} memories, "
        f"{len(counted)} questions"
    )
    return _table(title, list(_COLUMNS), lines)


def details(run: Run) -> str:
    """A table a figure: a line a system, a column a kind of question and a language."""
    found = run.figures
    names = list(next(iter(found.values())))
    tables = []
    for title, column in _COLUMNS.items():
        # A figure that a kind of question has no part in (recall of the unanswerable) is not shown for it.
        shown = [name for name in names if any(column(figures[name]) is not None for figures in found.values())]
        lines = {system: [column(figures[name]) for name in shown] for system, figures in found.items()}
        tables.append(_table(f"{title}, {run.part}, {run.kinds}", shown, lines))
    return "\n\n".join(tables)


def as_json(embedder: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything, down to the places of each question's evidence."""
    return {"embedder": embedder, "runs": [_run(run) for run in runs]}


def _run(run: Run) -> dict[str, Any]:
    return {
        "part": run.part,
        "memories": {"kinds": run.kinds.value, "count": run.memories},
        "conversations": run.conversations,
        "systems": {
            name: {slice_: _figures(figures) for slice_, figures in found.items()}
            for name, found in run.figures.items()
        },
        "questions": [_question(together) for together in _by_question(run.answers)],
    }


def _by_question(answers: Mapping[str, Sequence[Answer]]) -> list[dict[str, Answer]]:
    return [dict(zip(answers, together, strict=True)) for together in zip(*answers.values(), strict=True)]


def _figures(figures: Figures) -> dict[str, Any]:
    recall = {f"recall@{cut}": share for cut, share in zip(CUTS, figures.recall, strict=True)}
    return recall | {name: value for name, value in asdict(figures).items() if name != "recall"}


def _question(answers: Mapping[str, Answer]) -> dict[str, Any]:
    some = next(iter(answers.values()))
    return {
        "conversation": some.conversation,
        "kind": some.question.kind.value,
        "question": some.question.text,
        "evidence": list(some.question.evidence),
        "superseded": list(some.question.superseded),
        "systems": {name: _answer(answer) for name, answer in answers.items()},
    }


def _answer(answer: Answer) -> dict[str, Any]:
    outcome = answer.outcome
    return {
        "places": list(outcome.places),
        "superseded": list(outcome.superseded),
        "relevance": answer.relevance,
        "injected": outcome.injected,
        "relevant": outcome.relevant,
    }


def _table(title: str, columns: Sequence[str], lines: Mapping[str, Sequence[float | None]]) -> str:
    indent = max(map(len, lines))
    widths = [max(len(name), _LEAST_WIDTH) + 2 for name in columns]
    head = " " * indent + "".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True))
    rows = [
        f"{name:{indent}}" + "".join(f"{_share(cell):>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in lines.items()
    ]
    return "\n".join([title, head, "─" * len(head), *rows])


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"
