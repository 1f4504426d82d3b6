"""Fitting memories into a prompt. Pure.

The best memory comes first; one that is too long for the room left gives way to the next. With shares, each section of
the prompt first fills its own part of both bounds, and the room that it leaves goes to the best memories of all. Each
line is counted alone, with its line end. Few tokenizers promise that a whole takes no more tokens than its parts, so
the whole is counted last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from afterword.schemas import Memory, Scope
from afterword.schemas.rendering import render_heading, render_line, render_sections, section_of
from afterword.workers.models.tokenizers.port import EstimatingTokenizer, Tokenizer

_ROUNDING = 1e-9  # a third of three is one


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most so many memories and so many tokens."""

    memories: int
    tokens: int

    def part(self, share: float) -> Bounds:
        """This share of both, rounded down."""
        return Bounds(floor(self.memories * share + _ROUNDING), floor(self.tokens * share + _ROUNDING))


def fit(
    memories: Iterable[Memory],
    *,
    completing: Iterable[Memory] = (),
    limit: int,
    token_budget: int,
    language: str,
    agent_id: str | None = None,
    session_id: str | None = None,
    shares: Mapping[Scope, float] | None = None,
    tokenizer: Tokenizer | None = None,
) -> list[Memory]:
    """The memories that fit, in the order given, which is best first; never half of one.

    They are at most `limit`, and rendered with their headings they take at most `token_budget` tokens of the tokenizer
    (without one, tokens are estimated). Memories of `completing` come after all others had their chance. `shares` are
    parts of 1 and add up to 1 at most; a section that is not named has no part of its own.
    """
    first = list(memories)
    given = [*first, *completing]
    count = (tokenizer or EstimatingTokenizer()).count

    def rendered(chosen: Sequence[int]) -> int:
        kept = [given[index] for index in sorted(chosen)]
        return count(render_sections(kept, agent_id=agent_id, session_id=session_id, language=language))

    bounds = Bounds(limit, token_budget)
    filling = _Filling(
        [section_of(memory, session_id) for memory in given],
        line=lambda index: count(render_line(given[index], language) + "\n"),
        heading=lambda section: count(render_heading(section, agent_id, language) + "\n\n"),
        bounds=bounds,
    )
    if shares:
        # Without those that complete: they come after all others had their chance, in their own section as well.
        filling.fill({section: bounds.part(shares.get(section, 0.0)) for section in Scope}, len(first))
    filling.fill(dict.fromkeys(Scope, bounds), len(given))
    chosen = filling.chosen
    # Rarely: where the tokenizer makes more of the whole than of its lines.
    while chosen and rendered(chosen) > token_budget:
        chosen.pop()
    return [given[index] for index in sorted(chosen)]


class _Filling:
    """Chooses memories by their index; `chosen` holds them in the order of choice."""

    def __init__(
        self,
        sections: Sequence[Scope],
        *,
        line: Callable[[int], int],
        heading: Callable[[Scope], int],
        bounds: Bounds,
    ) -> None:
        self.chosen: list[int] = []
        self._sections = sections
        self._line = line
        self._heading = heading
        self._bounds = bounds
        self._tokens_of: dict[int, int] = {}
        self._memories: Counter[Scope] = Counter()
        self._tokens: Counter[Scope] = Counter()

    def fill(self, allowed: Mapping[Scope, Bounds], first: int) -> None:
        """Take those that fit of the `first` so many, best first, and no more of a section than is allowed."""
        taken = set(self.chosen)
        for index, section in enumerate(self._sections[:first]):
            if len(self.chosen) == self._bounds.memories:
                return
            if index not in taken and self._memories[section] < allowed[section].memories:
                self._take(index, section, allowed[section].tokens)

    def _take(self, index: int, section: Scope, allowed: int) -> None:
        cost = self._cost(index)
        # The first memory of a section brings its heading along.
        if not self._memories[section]:
            cost += self._heading(section)
        if self._tokens[section] + cost > allowed or self._tokens.total() + cost > self._bounds.tokens:
            return
        self.chosen.append(index)
        self._memories[section] += 1
        self._tokens[section] += cost

    def _cost(self, index: int) -> int:
        # A memory may be tried twice, for its section's share and for the rest, and tokenizers take their time.
        if index not in self._tokens_of:
            self._tokens_of[index] = self._line(index)
        return self._tokens_of[index]
