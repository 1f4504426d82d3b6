"""The LLM's answer: its items routed to owners, bounded in number and size, given their final ids. Pure.

An answer that cannot be read is an error, never "no facts". An odd item beside good ones is dropped and counted. A
fact without a known scope is the user's, one without a known source belongs to the last message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from afterword.schemas import Scope
from afterword.workers.core import ids
from afterword.workers.core.errors import BadAnswer
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.extraction.items import listed, text_of
from afterword.workers.services.extraction.known import Existing
from afterword.workers.stores.ledger.extraction.journal import Fact
from afterword.workers.text.storable import storable

MOST_FACTS = 200
"""The most facts of one answer: a batch of 4,000 tokens holds a few dozen."""
MOST_FACT_CHARACTERS = 2_000
"""A longer fact is cut: mem0's prompt asks for one or two sentences, and few embedders read much more."""


@dataclass(frozen=True, slots=True)
class FactsRead:
    """The facts of an answer, and how many of its items were odd, by reason: no_text, too_long, too_many, scope_off."""

    facts: tuple[Fact, ...]
    odd: Mapping[str, int] = field(default_factory=dict)


def read(text: str, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> FactsRead:
    """The facts of an answer, each text once per scope and owner.

    Raises: BadAnswer, when it lists no memories in any known way, or none of what it lists has a text.
    """
    items = listed(text)
    odd: Counter[str] = Counter()
    routing = _Routing(batch, batch_id, existing)
    facts: dict[tuple[str, Scope, str], Fact] = {}
    for ordinal, item in enumerate(items):
        words = storable(text_of(item) or "").strip()
        if not words:
            odd["no_text"] += 1
            continue
        if len(facts) >= MOST_FACTS:
            odd["too_many"] += 1
            continue
        fact = routing.fact(_cut(words), item if isinstance(item, dict) else {}, ordinal)
        if fact is None:
            odd["scope_off"] += 1
            continue
        odd["too_long"] += len(words) > MOST_FACT_CHARACTERS
        facts.setdefault((fact.text, fact.scope, _owner(fact)), fact)
    # Items without words are no way of saying that there is nothing to remember.
    if items and odd["no_text"] == len(items):
        raise BadAnswer("no item of the answer has a text")
    return FactsRead(tuple(facts.values()), {why: number for why, number in odd.items() if number})


def _cut(text: str) -> str:
    """The beginning of a text that is too long, up to a space where there is one near the end."""
    if len(text) <= MOST_FACT_CHARACTERS:
        return text
    end = text.rfind(" ", MOST_FACT_CHARACTERS - 100, MOST_FACT_CHARACTERS - 1)
    return f"{text[: end if end > 0 else MOST_FACT_CHARACTERS - 1]}…"


def _owner(fact: Fact) -> str:
    """The agent or session that owns a fact; "" for the user, since a batch has only one."""
    by_scope = {Scope.AGENT: fact.agent_id, Scope.SESSION: fact.session_id}
    return by_scope.get(fact.scope) or ""


class _Routing:
    """Gives the items of one answer their lines, owners and ids."""

    def __init__(self, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> None:
        self._batch = batch
        self._batch_id = batch_id
        self._lines = {str(number): line for number, line in enumerate(batch.lines)}
        # By the numbers that the prompt shows: models garble UUIDs.
        self._known = {str(number): memory.id for number, memory in enumerate(existing)}

    def fact(self, text: str, item: Mapping[str, Any], ordinal: int) -> Fact | None:
        """The fact in an item; None where its line's agent learns nothing of its scope."""
        line = self._lines.get(_number(item.get("source")), self._batch.lines[-1])
        scope = _scope(item.get("scope"), line)
        # Whatever the model was told: the registry has the last word.
        if not self._batch.learns(scope, line):
            return None
        attributed = item.get("attributed_to")
        return Fact(
            id=ids.fact_id(self._batch.tenant_id, scope, self._batch.owner(scope, line), self._batch_id, ordinal),
            text=text,
            scope=scope,
            attributed_to=attributed if attributed in ("user", "assistant") else None,
            event_id=line.conversation.event_id,
            message=line.turn.position,
            message_id=line.turn.message_id,
            agent_id=line.conversation.agent_id,
            session_id=line.conversation.session_id,
            occurred_at=line.turn.at,
            linked_memory_ids=self._links(item.get("linked_memory_ids")),
        )

    def _links(self, value: Any) -> tuple[str, ...]:
        numbers = [_number(link) for link in value] if isinstance(value, list) else []
        return tuple(dict.fromkeys(self._known[number] for number in numbers if number in self._known))


def _number(value: Any) -> str:
    """A number as models write it: itself or its digits. Anything else is no number of ours."""
    return str(value).strip() if isinstance(value, int | str) else ""


def _scope(value: Any, line: Line) -> Scope:
    """The named scope, where the conversation has an owner for it; else the user's."""
    conversation = line.conversation
    # A scope without an owner in this conversation would be a memory that nobody can reach.
    if value == Scope.AGENT and conversation.agent_id:
        return Scope.AGENT
    if value == Scope.SESSION and conversation.session_id:
        return Scope.SESSION
    return Scope.USER
