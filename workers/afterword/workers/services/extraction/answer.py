"""The LLM's answer: parsed strictly, routed to owners, given its final ids. Pure.

An answer that cannot be read is an error, never "no facts". What is merely unclear is settled to the safe side: a
fact without a known scope is the user's, one without a known source belongs to the last message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from afterword.schemas import Scope
from afterword.workers.core import ids
from afterword.workers.core.errors import BadAnswer
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.extraction.known import Existing
from afterword.workers.stores.ledger.extraction.journal import Fact
from afterword.workers.text.storable import storable


def facts_in(text: str, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> tuple[Fact, ...]:
    """The facts of an answer, each text once per scope and owner.

    Raises: BadAnswer, when it is not {"memory": [{"text": …}, …]}.
    """
    facts: dict[tuple[str, Scope, str], Fact] = {}
    for ordinal, item in enumerate(_items(text)):
        fact = _fact(item, ordinal, batch, batch_id, existing)
        facts.setdefault((fact.text, fact.scope, _owner(fact)), fact)
    return tuple(facts.values())


def _owner(fact: Fact) -> str:
    """Which of the batch's agents or sessions; its user is one."""
    by_scope = {Scope.AGENT: fact.agent_id, Scope.SESSION: fact.session_id}
    return by_scope.get(fact.scope) or ""


def _items(text: str) -> list[Any]:
    answers = [found for found in _objects(text) if isinstance(found.get("memory"), list)]
    if not answers:
        raise BadAnswer('the answer holds no JSON object with a list "memory"')
    items: list[Any] = answers[-1]["memory"]
    return items


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text: models think aloud before the answer, wrap it in code fences, or add a remark."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield found
        start = text.find("{", end)


def _fact(item: Any, ordinal: int, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> Fact:
    text = storable(item["text"]).strip() if isinstance(item, dict) and isinstance(item.get("text"), str) else ""
    if not text:
        raise BadAnswer(f"memory {ordinal} of the answer has no text")
    line = _line(item.get("source"), batch)
    scope = _scope(item.get("scope"), line)
    attributed = item.get("attributed_to")
    return Fact(
        id=ids.fact_id(batch.tenant_id, scope, batch.owner(scope, line), batch_id, ordinal),
        text=text,
        scope=scope,
        attributed_to=attributed if attributed in ("user", "assistant") else None,
        event_id=line.conversation.event_id,
        message=line.turn.position,
        message_id=line.turn.message_id,
        agent_id=line.conversation.agent_id,
        session_id=line.conversation.session_id,
        occurred_at=line.turn.at,
        linked_memory_ids=_links(item.get("linked_memory_ids"), existing),
    )


def _line(source: Any, batch: Batch) -> Line:
    numbered = {str(number): line for number, line in enumerate(batch.lines)}
    return numbered.get(str(source).strip(), batch.lines[-1])


def _scope(value: Any, line: Line) -> Scope:
    """The named scope, where the conversation has an owner for it; else the user's."""
    conversation = line.conversation
    if value == Scope.AGENT and conversation.agent_id:
        return Scope.AGENT
    if value == Scope.SESSION and conversation.session_id:
        return Scope.SESSION
    return Scope.USER


def _links(value: Any, existing: Sequence[Existing]) -> tuple[str, ...]:
    numbers = [str(link) for link in value] if isinstance(value, list) else []
    known = {str(number): memory.id for number, memory in enumerate(existing)}
    return tuple(dict.fromkeys(known[number] for number in numbers if number in known))
