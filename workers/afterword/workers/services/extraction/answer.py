"""The LLM's answer: parsed strictly, routed to owners, given its final ids. Pure.

An answer that cannot be read is an error, never "no facts". What is merely unclear is settled to the safe side: a
fact without a known scope is the user's, one without a known source belongs to the last message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from afterword.schemas import Scope
from afterword.workers import ids
from afterword.workers.errors import BadAnswer
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.extraction.prompt import Existing
from afterword.workers.stores.ledger.journal import Fact


def facts_in(text: str, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> tuple[Fact, ...]:
    """The facts of an answer, each text once per scope and owner.

    Raises: BadAnswer, when it is not {"memory": [{"text": …}, …]}.
    """
    facts: dict[tuple[str, Scope, str], Fact] = {}
    for ordinal, item in enumerate(_items(text)):
        fact = _fact(item, ordinal, batch, batch_id, existing)
        owner = fact.agent_id if fact.scope is Scope.AGENT else fact.session_id
        facts.setdefault((fact.text, fact.scope, owner or ""), fact)
    return tuple(facts.values())


def _items(text: str) -> list[Any]:
    start = text.find("{")
    if start < 0:
        raise BadAnswer("the answer holds no JSON object")
    try:
        # Models wrap JSON in code fences or add a remark: the first object is the answer.
        answer, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
    except ValueError as error:
        raise BadAnswer(f"the answer is not JSON: {error}") from None
    items = answer.get("memory")
    if not isinstance(items, list):
        raise BadAnswer(f'the answer has no list "memory", but {sorted(answer)[:5]}')
    return items


def _fact(item: Any, ordinal: int, batch: Batch, batch_id: str, existing: Sequence[Existing]) -> Fact:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str) or not item["text"].strip():
        raise BadAnswer(f"memory {ordinal} of the answer has no text")
    line = _line(item.get("source"), batch)
    scope = _scope(item.get("scope"), line)
    attributed = item.get("attributed_to")
    return Fact(
        id=ids.fact_id(batch.tenant_id, scope, batch.owner(scope, line), batch_id, ordinal),
        text=item["text"].replace("\x00", "").strip(),
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
    number = int(source) if isinstance(source, int | str) and str(source).isdecimal() else -1
    return batch.lines[number] if 0 <= number < len(batch.lines) else batch.lines[-1]


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
