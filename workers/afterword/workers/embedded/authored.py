"""Authored answers: the facts that people wrote for the shipped conversations, given as an LLM would give them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from afterword.schemas import ConversationFinished
from afterword.workers.embedded.demo_data import AuthoredFact

# mem0's prompt writes the list on one line, so the last such section is the real one: nothing said can forge it.
_NEW_MESSAGES = re.compile(r"^## New Messages\n(\[.*\])\n\n## Observation Date$", re.MULTILINE)


def new_messages(prompt: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages that an extraction prompt asks about, as the prompt lists them; empty for any other prompt."""
    said = "\n".join(str(message.get("content", "")) for message in prompt if message.get("role") == "user")
    sections = _NEW_MESSAGES.findall(said)
    if not sections:
        return []
    return [message for message in json.loads(sections[-1]) if isinstance(message, dict)]


class AuthoredAnswers:
    """Answers extraction prompts about the shipped conversations; about anything else it knows no facts."""

    def __init__(
        self, conversations: Sequence[ConversationFinished], facts: Mapping[str, Sequence[AuthoredFact]]
    ) -> None:
        """`facts` by event id; their `source` counts the messages of that event from 0."""
        self._facts: dict[tuple[str, str], list[AuthoredFact]] = {}
        for event in conversations:
            for fact in facts.get(event.event_id, ()):
                message = event.messages[fact.source]
                # By role and words: a prompt numbers its messages, and names no event.
                self._facts.setdefault((message.role, message.text.strip()), []).append(fact)

    def __call__(self, prompt: Sequence[Mapping[str, Any]]) -> str:
        """The answer to a prompt: a JSON object with the list `memory`, its sources as the prompt numbers them."""
        found = [
            (fact, message.get("n"))
            for message in new_messages(prompt)
            for fact in self._facts.get((str(message.get("role")), str(message.get("content")).strip()), ())
        ]
        memory = [_item(number, fact, source) for number, (fact, source) in enumerate(found)]
        return json.dumps({"memory": memory}, ensure_ascii=False)


def _item(number: int, fact: AuthoredFact, source: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": fact.text,
        "attributed_to": fact.attributed_to,
        "scope": fact.scope.value,
        "source": source,
        "linked_memory_ids": [],
    }
