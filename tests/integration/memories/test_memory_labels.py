"""Every memory is written with its importance and its topic, whichever way it comes."""

from __future__ import annotations

from afterword.schemas import AddMemory, GetMemory, Kind, Memory
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.views import Views
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event

ALLERGIC = "Ann is allergic to penicillin"


def test_facts_and_excerpts(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(ALLERGIC), Fact("They said something")))
    workshop.take_in(event("I'm allergic to penicillin.", "ok"))
    workshop.extract_all()
    facts = {fact.text: fact for fact in workshop.memories(kind=Kind.FACT)}
    assert facts[ALLERGIC].topic == "health"
    assert facts["They said something"].topic == "other"
    assert more_important(facts[ALLERGIC].importance, facts["They said something"].importance)
    excerpts = {excerpt.text: excerpt for excerpt in workshop.memories(kind=Kind.EXCERPT)}
    assert excerpts["I'm allergic to penicillin."].topic == "health"
    assert more_important(excerpts["I'm allergic to penicillin."].importance, excerpts["ok"].importance)


def test_notes_and_what_their_owner_is_shown(workshop: Workshop) -> None:
    commands = workshop.house.commands.commands(workshop.broker)
    added = commands.run(AddMemory(user_id="ann", text="我的猫叫橙子", reply_to=REPLY_TO))
    assert isinstance(added, Memory)
    assert added.topic == "pets"
    shown = commands.run(GetMemory(user_id="ann", memory_id=added.id, reply_to=REPLY_TO))
    assert isinstance(shown, Memory)
    assert shown.topic == "pets"
    [stored] = workshop.memories(kind=Kind.NOTE)
    assert stored.importance is not None
    assert stored.importance > 0.5


def test_importance_is_only_changed_by_its_owner(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(ALLERGIC)))
    workshop.take_in(event("penicillin"))
    workshop.extract_all()
    [fact] = workshop.memories(kind=Kind.FACT)
    Views(workshop.store).of(UserOwner("default", "bob")).set_importance(fact.id, 0.01)
    assert workshop.memories(kind=Kind.FACT) == [fact]
    Views(workshop.store).of(UserOwner("default", "ann")).set_importance(fact.id, 0.01)
    assert [each.importance for each in workshop.memories(kind=Kind.FACT)] == [0.01]


def more_important(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one > other
