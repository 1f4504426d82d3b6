"""Answers to the evaluation's conversations that tell exactly what is expected of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from afterword.workers.core.turns import turns_of
from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import Messages
from ops.eval.cases import Case, ExpectedFact
from ops.eval.scoring import Found


def spelled(fact: ExpectedFact) -> str:
    """A text that holds the fact, with the first of each of its terms and dates."""
    words = [group[0] for group in fact.terms]
    return ", ".join([*words, *(group[0] for group in fact.dates)])


def perfect(case: Case) -> list[Found]:
    """The facts of a conversation as they should be learned."""
    return [Found(spelled(fact), fact.scopes[0], case.event.event_id, fact.sources[0]) for fact in case.expected.facts]


class PerfectLlm:
    """Answers the product's prompts with the facts of their messages, mem0's with those of the whole conversation."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases

    def __call__(self, prompt: Messages) -> str:
        asked = new_messages(prompt)
        return json.dumps({"memory": self._of_messages(asked) if asked else self._of_text(prompt)})

    def _of_messages(self, asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        numbers = {message["content"]: message["n"] for message in asked}
        return [
            {"text": spelled(fact), "scope": fact.scopes[0].value, "source": numbers[turn.text]}
            for case in self._cases
            for turn in turns_of(case.event)
            if turn.text in numbers
            for fact in case.expected.facts
            if fact.sources[0] == turn.position
        ]

    def _of_text(self, prompt: Messages) -> list[dict[str, Any]]:
        _, _, asked = str(prompt[-1]["content"]).partition("## New Messages\n")
        asked, _, _ = asked.partition("\n\n## Observation Date")
        return [
            {"text": spelled(fact)}
            for case in self._cases
            if all(message.text in asked for message in case.event.messages)
            for fact in case.expected.facts
        ]
