"""A user who objects: nothing of them is kept, learned or recalled, until they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import AddMemory, ClearMemories, Command
from afterword.schemas.users import GetUser, SetUser, UserWishes
from afterword.workers.core.errors import Denied
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.services.policy.wishes import Objections
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event, question


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made: Command = command(reply_to=REPLY_TO, **{"user_id": "ann", **given})
    return workshop.house.commands.commands(workshop.broker).run(made)


def object_to(workshop: Workshop, *, memory: bool = False, **more: Any) -> UserWishes:
    said: UserWishes = run(workshop, SetUser, memory_enabled=memory, **more)
    return said


def test_nothing_is_kept_from_then_on_and_it_is_counted(workshop: Workshop) -> None:
    said = object_to(workshop, asked_by="an-admin")
    assert (said.memory_enabled, said.by) == (False, "an-admin")
    assert workshop.take_in(event("I live in Rome."), event("Me too.", user="bob")) == [Outcome.SKIPPED, Outcome.STORED]
    assert workshop.texts() == ["Me too."]
    [row] = workshop.rows("SELECT reason, turns FROM conversations WHERE user_id = 'ann'")
    assert tuple(row) == ("memory is off for this user", None)
    update = workshop.audited()[0]
    assert (update.type, update.metadata) == ("user_update", {"memory": False, "by": "an-admin"})
    with pytest.raises(Denied, match="memory is off"):
        run(workshop, AddMemory, text="By hand")


def test_contexts_say_so_and_what_was_kept_comes_back_when_they_agree(workshop: Workshop) -> None:
    run(workshop, AddMemory, text="Ann lives in Rome")
    object_to(workshop)
    context = workshop.ask(question("Where does Ann live?"))
    assert (context.memories, context.degraded) == ((), ("memory_off",))
    assert workshop.ask(question("Hello?", user="bob")).degraded == ()
    object_to(workshop, memory=True)
    assert workshop.ask(question("Where does Ann live?")).memories


def test_another_process_hears_of_it(workshop: Workshop) -> None:
    other = Objections(workshop.database)
    assert not other.hold_for("default", "ann")
    other.close()
    object_to(workshop)
    other.read()
    assert other.hold_for("default", "ann")
    assert not other.hold_for("other", "ann")


def test_it_outlives_a_clear_and_keeps_its_time(workshop: Workshop) -> None:
    said = object_to(workshop)
    run(workshop, ClearMemories)
    assert object_to(workshop).since == said.since
    assert run(workshop, GetUser) == said
    assert run(workshop, GetUser, user_id="bob") == UserWishes(user_id="bob")
    with pytest.raises(Denied):
        object_to(workshop, by="bob")


def test_what_waits_is_not_learned(workshop: Workshop, llm: FakeOpenAI) -> None:
    workshop.take_in(event("I live in Rome."))
    object_to(workshop)
    assert workshop.extract_all() == 0
    assert llm.requests == []
    assert workshop.statuses() == ["skipped"]


def test_what_a_worker_has_in_hand_goes_again(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact("Ann lives in Rome")))
    workshop.take_in(event("I live in Rome."))
    # Its facts are written, and not committed.
    workshop.store.after["insert"] = crash
    with pytest.raises(Crash):
        workshop.extract_all()
    workshop.store.up()
    assert "Ann lives in Rome" in workshop.texts()
    object_to(workshop)
    assert workshop.texts() == ["I live in Rome."]
    assert workshop.extract_all() == 0


def test_a_conversation_that_is_asked_for_later_is_ended_instead(workshop: Workshop, llm: FakeOpenAI) -> None:
    workshop.take_in(event("I live in Rome."))
    # As a replay would leave it that came at the same moment.
    workshop.rows("INSERT INTO wishes (tenant_id, user_id, memory_enabled) VALUES ('default', 'ann', false)")
    workshop.extract_all()
    assert llm.requests == []
    assert workshop.statuses() == ["skipped"]
