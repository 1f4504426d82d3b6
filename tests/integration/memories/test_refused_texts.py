"""A text that the embedder refuses is found by its words; an embedder that never answers holds no ingest up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from afterword.schemas import AddMemory, Kind
from afterword.workers.services.ingest.recorder import Outcome
from tests.fixtures.workshops import OpenWorkshop
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event, question


def refuse(workshop: Workshop, word: str) -> None:
    workshop.embedder.refuses = lambda text: word in text


class TestRefused:
    def test_a_turn_costs_itself_alone_and_is_found_by_its_words(self, workshop: Workshop) -> None:
        refuse(workshop, "bassoon")

        outcome = workshop.take_in(event("I play the cello.", "My bassoon is from Leipzig.", "We live in Bonn."))

        assert outcome == [Outcome.STORED]
        assert len(workshop.texts(kind=Kind.EXCERPT)) == 3
        workshop.embedder.refuses = lambda _: False
        found = workshop.ask(question("Where is my bassoon from?"))
        assert "My bassoon is from Leipzig." in [memory.text for memory in found.memories]

    def test_it_is_listed(self, workshop: Workshop) -> None:
        refuse(workshop, "bassoon")
        workshop.take_in(event("I play the cello.", "My bassoon is from Leipzig."))

        [saved] = [row for row in workshop.audited() if row.type == "memory_save"]

        [refused] = [each.id for each in workshop.memories() if "bassoon" in each.text]
        assert saved.metadata["without_vector"] == [refused]
        assert saved.result_count == 2

    def test_a_fact_costs_itself_alone(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Ann plays the cello"), Fact("Ann's bassoon is from Leipzig")))
        workshop.take_in(event("I play the cello and the bassoon."))
        refuse(workshop, "Ann's bassoon")

        workshop.extract_all()

        assert workshop.statuses() == ["done"]
        assert workshop.texts(kind=Kind.FACT) == ["Ann plays the cello", "Ann's bassoon is from Leipzig"]

    def test_a_batch_whose_end_is_refused_is_extracted(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Ann plays the cello")))
        workshop.take_in(event("I play the cello."))
        workshop.embedder.refuses = lambda text: "I play" in text

        workshop.extract_all()

        assert workshop.statuses() == ["done"]
        assert workshop.texts(kind=Kind.FACT) == ["Ann plays the cello"]

    def test_a_note_is_kept(self, workshop: Workshop) -> None:
        refuse(workshop, "bassoon")
        command = AddMemory(user_id="ann", text="Ann has a bassoon", reply_to=REPLY_TO)

        workshop.house.commands.commands(workshop.broker).run(command)

        assert workshop.texts(kind=Kind.NOTE) == ["Ann has a bassoon"]
        [saved] = [row for row in workshop.audited() if row.type == "memory_save"]
        assert saved.metadata["without_vector"] == [note.id for note in workshop.memories(kind=Kind.NOTE)]

    def test_a_question_is_answered_by_words(self, workshop: Workshop) -> None:
        workshop.take_in(event("My bassoon is from Leipzig."))
        refuse(workshop, "Where")

        answered = workshop.ask(question("Where is my bassoon from?"))

        assert [memory.text for memory in answered.memories] == ["My bassoon is from Leipzig."]
        assert "embedder" in answered.degraded


class TestNoAnswer:
    @pytest.fixture
    def gate(self) -> Iterator[threading.Event]:
        opened = threading.Event()
        yield opened
        opened.set()

    def test_ingest_waits_its_share_and_leaves_the_rest_to_the_sweep(
        self, open_workshop: OpenWorkshop, gate: threading.Event
    ) -> None:
        workshop = open_workshop(ingest_embedding=0.2)
        workshop.embedder.before = gate.wait
        begun = time.monotonic()

        outcomes = workshop.take_in(*(event(f"I have {n} cats.", user=f"user-{n}") for n in range(10)))

        assert outcomes == [Outcome.STORED] * 10
        assert time.monotonic() - begun < 5, "one share for all of them, not one for each"
        assert workshop.texts() == []
        gate.set()
        workshop.some_time_passes(3600)
        workshop.house.upkeep.sweeps(workshop.broker).complete_excerpts()
        assert len(workshop.texts()) == 10
