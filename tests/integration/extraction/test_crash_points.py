"""A process that ends at any step of ingest or extraction: the next one finishes, nothing is lost and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from afterword.schemas import Kind
from afterword.workers.services.extraction.known import KnownMemories
from afterword.workers.services.extraction.writing import FactWriter
from afterword.workers.services.memories.excerpts import Excerpts
from afterword.workers.stores.ledger import agents, audit
from afterword.workers.stores.ledger.extraction import breaker, claims, journal, llm_calls, progress, subjects
from afterword.workers.stores.ledger.ingest import conversations, excerpts, sessions, transcripts
from afterword.workers.stores.ledger.upkeep import dead_letters
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import facts, shown_new
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Crash, Workshop, crash, event

SAID = ["I live in Ghent.", "I play the cello."]
LEARNED = given(Fact("one"), Fact("two", "agent"), Fact("three", "session"))

INGEST: list[tuple[Any, str]] = [
    (subjects, "lock"),
    (sessions, "seen"),
    (conversations, "record"),
    (audit, "write"),
    (sessions, "remember"),
    (subjects, "note_pending"),
    (Excerpts, "write"),
    (excerpts, "mark_excerpts"),
]
BEFORE_THE_ANSWER: list[tuple[Any, str]] = [
    (breaker, "take_permit"),
    (claims, "claim"),
    (journal, "read"),
    (progress, "pending"),
    (transcripts, "earlier_turns"),
    (agents, "among"),
    (KnownMemories, "near"),
]
JOURNALLING: list[tuple[Any, str]] = [
    (journal, "write"),
    (llm_calls, "write"),
    (progress, "mark_extracting"),
    (breaker, "note_success"),
]
AFTERWARDS: list[tuple[Any, str]] = [
    (FactWriter, "write"),
    (FactWriter, "stored"),
    (progress, "advance"),
    (journal, "remove"),
    (audit, "write"),
    (transcripts, "drop_done"),
    (progress, "waiting"),
    (claims, "release"),
]
FAILING: list[tuple[Any, str]] = [
    (llm_calls, "write"),
    (claims, "narrow"),
    (claims, "postpone"),
    (breaker, "note_success"),
    (progress, "finish"),
    (dead_letters, "write"),
    (audit, "write"),
    (claims, "release"),
]
WHEN = pytest.mark.parametrize("when", ["before", "after"])


def named(step: Any) -> str | None:
    """A step by its name, such as `journal.write`."""
    if isinstance(step, tuple):
        owner = step[0].__name__.rpartition(".")[2] if isinstance(step[0], ModuleType) else step[0].__name__
        return f"{owner}.{step[1]}"
    return None


def crash_at(patch: pytest.MonkeyPatch, step: tuple[Any, str], when: str) -> None:
    """The process ends before this step, or after it."""
    whole: Callable[..., Any] = getattr(*step)

    def stepping(*arguments: Any, **more: Any) -> Any:
        if when == "after":
            whole(*arguments, **more)
        crash()

    patch.setattr(*step, stepping)


def told(workshop: Workshop) -> dict[str, int]:
    """How many audit rows there are of each type."""
    return dict(Counter(workshop.audit_types()))


@WHEN
@pytest.mark.parametrize("step", INGEST, ids=named)
def test_ingest_is_finished_by_the_redelivery(
    workshop: Workshop, llm: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], when: str
) -> None:
    sent = event(*SAID, session_id="s1", agent_id="coach", event_id="e1")
    with monkeypatch.context() as patch:
        crash_at(patch, step, when)
        with pytest.raises(Crash):
            workshop.ingest.ingest(sent)
    workshop.ingest.ingest(sent)
    assert workshop.texts(kind=Kind.EXCERPT) == SAID
    workshop.take_in(event(*SAID, "And more.", session_id="s1", agent_id="coach", event_id="e2"))
    workshop.extract_all()
    assert [said in shown_new(llm.chats[0].messages) for said in (*SAID, "And more.")] == [True] * 3
    assert workshop.statuses() == ["done", "done"]
    assert facts(workshop) == sorted(f"User said: {said}" for said in (*SAID, "And more."))
    assert workshop.texts(kind=Kind.EXCERPT) == ["And more.", *SAID]
    assert told(workshop)["conversation_received"] == 2
    [row] = workshop.rows("SELECT seen FROM sessions")
    assert len(row.seen) == 3


@WHEN
@pytest.mark.parametrize("step", BEFORE_THE_ANSWER + JOURNALLING + AFTERWARDS, ids=named)
def test_extraction_is_finished_by_the_next(
    open_workshop: OpenWorkshop,
    llm: FakeOpenAI,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[Any, str],
    when: str,
) -> None:
    workshop = open_workshop(keep_transcripts=0.0)
    llm.answer_with(LEARNED)
    workshop.take_in(event("Hello.", session_id="s1", agent_id="coach"))
    # A failure before, so that the breaker has something to forget.
    workshop.rows("INSERT INTO breakers (name, failures) VALUES ('llm', 1)")
    with monkeypatch.context() as patch:
        crash_at(patch, step, when)
        with pytest.raises(Crash):
            workshop.extract_all()
    workshop.lease_runs_out()
    assert workshop.extract_all() == 1
    # Only an answer whose commit was interrupted is asked for again.
    assert len(llm.chats) == (2 if step in JOURNALLING else 1)
    done(workshop)


def done(workshop: Workshop) -> None:
    """All that one conversation leaves behind, whatever happened on the way."""
    assert facts(workshop) == ["one", "three", "two"]
    assert workshop.statuses() == ["done"]
    assert told(workshop) == {"conversation_received": 1, "memory_save": 2, "memory_add": 3}
    assert workshop.rows("SELECT 1 FROM journal") == []
    assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL") == []
    assert workshop.rows("SELECT failures, open_until FROM breakers") == [(0, None)]
    assert len(workshop.rows("SELECT 1 FROM llm_calls WHERE outcome = 'ok'")) == 1
    subject = workshop.subject()
    assert (subject.due_at, subject.lease_until, subject.pending_tokens) == (None, None, 0)


@WHEN
@pytest.mark.parametrize("step", FAILING, ids=named)
def test_a_failure_is_settled_by_the_next(
    open_workshop: OpenWorkshop,
    llm: FakeOpenAI,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[Any, str],
    when: str,
) -> None:
    """Two attempts, a batch that is cut, a dead letter: whichever of it is interrupted."""
    workshop = open_workshop(max_attempts=2)
    llm.fail_when(lambda request: faults.refusal() if "poison" in shown_new(request.messages) else None)
    workshop.take_in(event("poison", event_id="bad"), event("sound"))
    with monkeypatch.context() as patch:
        crash_at(patch, step, when)
        with pytest.raises(Crash):
            extract_in_time(workshop)
    workshop.lease_runs_out()
    extract_in_time(workshop)
    assert workshop.statuses() == ["dead", "done"]
    assert facts(workshop) == ["User said: sound"]
    assert [row.event_id for row in workshop.rows("SELECT event_id FROM dead_letters")] == ["bad"]
    assert told(workshop)["dead_letter"] == 1
    assert workshop.subject().due_at is None


def extract_in_time(workshop: Workshop) -> None:
    while workshop.rows("SELECT 1 FROM subjects WHERE due_at IS NOT NULL"):
        workshop.due_now()
        workshop.extract_all()


@WHEN
@pytest.mark.parametrize("step", [(breaker, "take_permit"), (claims, "claim"), (breaker, "note_success")], ids=named)
def test_a_probe_that_is_interrupted_is_followed_by_another(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], when: str
) -> None:
    workshop.take_in(event("Hello."))
    workshop.rows(
        "INSERT INTO breakers (name, failures, open_until) VALUES ('llm', 5, clock_timestamp() - interval '1 second')"
    )
    with monkeypatch.context() as patch:
        crash_at(patch, step, when)
        with pytest.raises(Crash):
            workshop.extract_all()
    workshop.lease_runs_out()
    workshop.due_now()
    assert workshop.extract_all() == 1
    assert workshop.statuses() == ["done"]
    assert workshop.rows("SELECT failures, open_until, probe_until FROM breakers") == [(0, None, None)]
