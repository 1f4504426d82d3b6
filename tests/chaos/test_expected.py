"""The comparison at the end of a run sees what may go wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.schemas.conversation import Message
from afterword.workers.stores.vectors.payload import StoredMemory
from tests.chaos.expected import compare, expected
from tests.chaos.story import FOR_NOW, NOTED, POISON, tell

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = ConversationFinished(
    event_id="e1",
    occurred_at=NOON,
    user_id="ada",
    agent_id="guide",
    session_id="s1",
    messages=(Message(role="user", content=f"Hello {FOR_NOW}"), Message(role="assistant", content=f"Hi {NOTED}")),
)


def _memory(text: str, message: int, kind: Kind = Kind.FACT, scope: Scope = Scope.USER) -> StoredMemory:
    return StoredMemory(
        id=text,
        text=text,
        scope=scope,
        kind=kind,
        tenant_id="default",
        user_id=None if scope is Scope.AGENT else "ada",
        agent_id="guide",
        session_id="s1",
        event_id="e1",
        message=message,
        occurred_at=NOON,
        created_at=NOON,
    )


STORED = [
    _memory(f"Hello {FOR_NOW}", 0, Kind.EXCERPT),
    _memory(f"Hi {NOTED}", 1, Kind.EXCERPT),
    _memory(f"User said: Hello {FOR_NOW}", 0),
    _memory(f"For now: Hello {FOR_NOW}", 0, scope=Scope.SESSION),
    _memory(f"Learned: Hi {NOTED}", 1, scope=Scope.AGENT),
]


def _problems(stored: list[StoredMemory]) -> list[str]:
    return compare(expected([EVENT], frozenset()), stored).problems()


def test_what_was_expected_is_no_problem() -> None:
    assert _problems(STORED) == []


def test_a_memory_that_is_missing_is_seen() -> None:
    assert _problems(STORED[1:])[0].startswith("1 memories missing")


def test_one_too_many_is_seen() -> None:
    assert _problems([*STORED, _memory("Who said this?", 0)])[0].startswith("1 memories unexpected")


def test_one_stored_twice_is_seen() -> None:
    assert _problems([*STORED, replace(STORED[2], id="another")])[0].startswith("1 memories repeated")


def test_a_wrong_source_and_a_wrong_time_are_seen() -> None:
    wrong = [replace(STORED[2], message=1), replace(STORED[3], occurred_at=NOON + timedelta(hours=1))]

    assert _problems([*STORED[:2], *wrong, *STORED[4:]])[0].startswith("2 memories astray")


def test_poison_leaves_its_excerpts_only() -> None:
    assert compare(expected([EVENT], frozenset({"e1"})), STORED[:2]).problems() == []


def test_a_story_follows_from_its_seed() -> None:
    story = tell(3, conversations=400, subjects=20, agents=5)

    assert story == tell(3, conversations=400, subjects=20, agents=5)
    assert len({event.event_id for event in story.events}) == 400
    assert story.poison == {event.event_id for event in story.events if POISON in event.messages[1].text}
    assert len(story.poison) == 4
