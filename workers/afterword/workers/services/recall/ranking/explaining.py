"""Why each memory ranks where it does. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from afterword.schemas import Explanation, Memory
from afterword.workers.services.recall.ranking.ranking import WEIGHTS, Ranked, Signals
from afterword.workers.services.recall.ranking.selection import Selection
from afterword.workers.stores.vectors.payload import to_memory


def explained(
    ranked: Sequence[Ranked],
    replaced: Mapping[str, str],
    chosen: Selection,
    floor: float,
    weights: Signals = WEIGHTS,
) -> tuple[Explanation, ...]:
    """One explanation a memory, in the order of rank. `replaced` tells by id which newer one has taken its place."""
    given = {memory.id for memory in chosen.memories}
    return tuple(
        Explanation(
            memory=to_memory(each.memory, round(each.relevance, 4)),
            score=round(each.score, 4),
            relevance=round(each.relevance, 4),
            signals=_weighed(each.signals, weights),
            replaced_by=replaced.get(each.memory.id),
            left_out=None if each.memory.id in given else _reason(each, chosen, floor),
        )
        for each in ranked
    )


def after_fitting(explanations: Sequence[Explanation], given: Sequence[Memory]) -> tuple[Explanation, ...]:
    """The same, when it is known what there was room for; what only completes a better one was given as well."""
    ids = {memory.id for memory in given}
    return tuple(
        each.model_copy(
            update={"left_out": None if each.memory.id in ids else each.left_out or "there is no room for it"}
        )
        for each in explanations
    )


def _weighed(signals: Signals, weights: Signals) -> dict[str, float]:
    found = {each.name: getattr(signals, each.name) * getattr(weights, each.name) for each in fields(Signals)}
    return {name: round(value, 4) for name, value in found.items() if value}


def _reason(ranked: Ranked, chosen: Selection, floor: float) -> str:
    if reason := chosen.left_out.get(ranked.memory.id):
        return reason
    if ranked.relevance < floor:
        return f"its relevance is below the threshold of {floor:g}"
    return "others rank higher"
