from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from afterword.producers import ClientSettings, Context, InvalidEvent, Message, Run
from afterword.producers.intake import Intake
from afterword.producers.runs import Opening

TURNS: list[Any] = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "tool", "content": "42", "tool_call_id": "t"},
    Message(role="user", content="Plan my trip"),
]
NOTHING = Context()
TEA = Context(text="likes tea")


def opening(turns: list[Any] = TURNS, system_prompt: str = "", **fields: Any) -> Opening:
    return Intake("default", ClientSettings()).opening(turns, system_prompt, {"user_id": "u", **fields})


def texts(run: Run, *, interrupted: bool = False) -> list[tuple[str, str]]:
    event = run.outcome(interrupted=interrupted)
    assert event is not None
    return [(message.role, message.text) for message in event.messages]


def test_the_query_is_the_latest_user_message() -> None:
    assert opening().query == "Plan my trip"
    assert opening([{"role": "assistant", "content": "Hi"}]).query is None


def test_the_llm_gets_the_prompt_with_its_memories_and_the_turns_as_they_were_given() -> None:
    run = Run(opening(system_prompt="Be kind."), TEA)
    assert run.system_prompt == TEA.inject("Be kind.")
    assert run.messages == [
        {"role": "system", "content": run.system_prompt},
        *TURNS[:3],
        {"role": "user", "content": "Plan my trip"},
    ]


SAID = {"role": "user", "content": "Plan my trip"}


@pytest.mark.parametrize("turns", [SAID, Message(role="user", content="Plan my trip"), iter([SAID])])
def test_a_single_message_and_an_iterator_go_to_the_llm_as_to_the_event(turns: Any) -> None:
    run = Run(opening(turns), NOTHING)
    assert run.messages == [SAID]
    assert texts(run) == [("user", "Plan my trip")]


@pytest.mark.parametrize("turns", [None, 5, "Plan my trip", object()])
def test_what_is_no_messages_is_refused_as_the_client_is_set_to(turns: Any) -> None:
    with pytest.raises(InvalidEvent, match="messages"):
        opening(turns)
    quiet = Intake("default", ClientSettings(on_invalid="log")).opening(turns, "", {"user_id": "u"})
    assert Run(quiet, NOTHING).messages == []


class Unbound:
    """As a proxy of Flask or Django outside of its request: whatever is asked of it raises, its class too."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"working outside of a request: {name}")


class Lengthless(list[Any]):
    def __len__(self) -> int:
        raise RuntimeError("not loaded")


ODD: list[Callable[[], Any]] = [Unbound, lambda: {"role": "user", "content": Unbound()}, lambda: {"role": Unbound()}]


# Made in the test: pytest itself cannot look at one.
@pytest.mark.parametrize("make", ODD)
def test_an_object_that_cannot_be_looked_at_costs_itself(make: Callable[[], Any]) -> None:
    odd = make()
    run = Run(opening([odd, SAID]), NOTHING)
    run.said(odd)
    run.append(odd)
    assert len(list(run.stream([odd]))) == 1
    assert texts(run) == [("user", "Plan my trip")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what pydantic passes over
@pytest.mark.parametrize("odd", [Unbound, Lengthless])
@pytest.mark.parametrize("field", ["session_id", "metadata", "version", "occurred_at"])
def test_one_beside_the_messages_is_invalid_input(field: str, odd: type) -> None:
    with pytest.raises(InvalidEvent):
        opening(**{field: odd()})
    with pytest.raises(InvalidEvent):
        Intake("default", ClientSettings()).context_call({"user_id": "u", "query": "tea", "shares": odd()})


def test_a_system_message_at_the_beginning_is_the_prompt_where_none_is_given() -> None:
    turns = [{"role": "system", "content": "Be kind."}, *TURNS]
    assert [m["role"] for m in Run(opening(turns), TEA).messages] == ["system", "user", "assistant", "tool", "user"]
    assert Run(opening(turns), TEA).messages[0]["content"] == TEA.inject("Be kind.")
    assert [m["content"] for m in Run(opening(turns, "Be brief."), NOTHING).messages[:2]] == ["Be brief.", "Be kind."]


def test_no_prompt_and_no_memory_is_no_system_message() -> None:
    assert [message["role"] for message in Run(opening(), NOTHING).messages] == ["user", "assistant", "tool", "user"]


def test_what_users_and_assistants_said_is_published_in_order() -> None:
    run = Run(opening([{"role": "system", "content": "Be kind."}, *TURNS]), NOTHING)
    run.append("Let me ")
    run.append("see.")
    run.said("Lyon it is.")
    assert list(run.stream(["Have ", "fun"])) == ["Have ", "fun"]
    run.append("!")
    assert texts(run) == [
        ("user", "Hello"),
        ("assistant", "Hi"),
        ("user", "Plan my trip"),
        ("assistant", "Let me see."),
        ("assistant", "Lyon it is."),
        ("assistant", "Have fun"),
        ("assistant", "!"),
    ]


def test_a_stream_that_breaks_keeps_what_came() -> None:
    run = Run(opening(), NOTHING)
    for chunk in run.stream(["So ", "far", " so good"]):
        if chunk == "far":
            break
    assert texts(run, interrupted=True)[-1] == ("assistant", "So far")


def test_an_interrupted_run_says_so_and_keeps_its_metadata() -> None:
    run = Run(opening(metadata={"channel": "web"}), NOTHING)
    whole, broken = run.outcome(interrupted=False), run.outcome(interrupted=True)
    assert whole is not None
    assert broken is not None
    assert whole.metadata == {"channel": "web"}
    assert broken.metadata == {"channel": "web", "interrupted": True}


def test_nothing_said_by_anybody_is_nothing_to_publish() -> None:
    assert Run(opening([{"role": "system", "content": "Be kind."}]), NOTHING).outcome(interrupted=False) is None


def test_half_a_surrogate_pair_at_the_end_of_a_stream_does_no_harm() -> None:
    run = Run(opening(), NOTHING)
    run.append("oh \ud83d")
    assert texts(run)[-1] == ("assistant", "oh ?")


def test_an_invalid_run_is_told_before_it_begins() -> None:
    with pytest.raises(InvalidEvent, match="role"):
        opening([{"role": "nobody", "content": "?"}])


def test_an_invalid_run_goes_on_unpublished_where_invalid_events_are_logged() -> None:
    intake = Intake("default", ClientSettings(on_invalid="log"))
    run = Run(intake.opening([{"role": "nobody", "content": "?"}], "Be kind.", {"user_id": "u"}), NOTHING)
    run.said("Hello")
    assert [message["role"] for message in run.messages] == ["system", "nobody"]
    assert run.outcome(interrupted=False) is None


def test_a_developer_s_prompt_stays_one() -> None:
    turns = [{"role": "developer", "content": "Be kind."}, *TURNS]
    assert Run(opening(turns), TEA).messages[0] == {"role": "developer", "content": TEA.inject("Be kind.")}
    assert Run(opening(turns, "Be brief."), TEA).messages[0]["role"] == "system"
