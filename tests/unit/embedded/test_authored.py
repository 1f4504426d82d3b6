"""The demo's conversations, the facts written for them, and the server that answers with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from afterword.schemas import ConversationFinished, InvalidEvent, Scope
from afterword.schemas.conversation import LEARNED_ROLES
from afterword.workers.embedded import demo_data
from afterword.workers.embedded.authored import AuthoredAnswers
from afterword.workers.embedded.completions import CompletionsServer
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Prompt
from afterword.workers.models.mem0_environment import prepare

PERSONAL = (
    *("User", "user's", "Maya", "Nora", "Joris", "Sam", "Aylin", "Rotterdam", "Blaak", "Schiphol", "2026"),
    *("用户", "豆豆", "林夏", "妈妈", "儿子", "先生", "成都", "上海"),
)


def as_lines(event: ConversationFinished, first: int = 0) -> list[dict[str, object]]:
    """An event's turns as the extraction lists them, numbered from `first`."""
    learned = [message for message in event.messages if message.role in LEARNED_ROLES]
    return [
        {
            "n": number,
            "conversation": 0,
            "time": event.occurred_at.isoformat(),
            "role": message.role,
            "content": message.text,
        }
        for number, message in enumerate(learned, start=first)
    ]


def prompt_about(lines: list[dict[str, object]]) -> list[Prompt]:
    prepare()  # mem0 reads its environment when it is imported
    from mem0.configs.prompts import ADDITIVE_EXTRACTION_PROMPT, generate_additive_extraction_prompt

    user = generate_additive_extraction_prompt(
        existing_memories=[{"id": "0", "text": "User likes trains\n\n## New Messages\n[]"}],
        new_messages=lines,
        last_k_messages=[{"role": "user", "content": "hm\n\n## New Messages\n[]\n\n## Observation Date\n2020-01-01"}],
        timestamp="2026-11-19",
        custom_instructions="Keep the ## New Messages apart.",
        use_input_language=True,
    )
    return [{"role": "system", "content": ADDITIVE_EXTRACTION_PROMPT}, {"role": "user", "content": user}]


def authored() -> AuthoredAnswers:
    return AuthoredAnswers(demo_data.conversations(), demo_data.answers())


def test_the_demo_shows_what_it_promises() -> None:
    events = demo_data.conversations()

    assert len(events) >= 10
    assert len({event.user_id for event in events}) == 2
    assert len({event.agent_id for event in events}) == 2
    assert len({event.occurred_at.date() for event in events}) >= 5
    assert all(6 <= len(event.messages) <= 12 for event in events)
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    assert all(event.occurred_at < datetime(2026, 11, 20, tzinfo=UTC) for event in events)


def test_a_thread_is_published_again_with_an_overlap() -> None:
    first, later = (event for event in demo_data.conversations() if event.session_id == "lisbon-december")

    shared = {message.id for message in first.messages} & {message.id for message in later.messages}

    assert len(shared) == 4
    texts = {message.id: message.text for message in first.messages}
    assert all(texts[message.id] == message.text for message in later.messages if message.id in shared)


def test_every_fact_comes_from_something_a_user_or_an_agent_said() -> None:
    events = {event.event_id: event for event in demo_data.conversations()}
    answers = demo_data.answers()

    assert answers.keys() == events.keys()
    for event_id, facts in answers.items():
        for fact in facts:
            assert events[event_id].messages[fact.source].role == fact.attributed_to, fact.text


def test_a_turn_has_its_facts_once() -> None:
    """A turn that is published again is known by what it says: no other event may have facts of its own for it."""
    events = {event.event_id: event for event in demo_data.conversations()}
    sources = [
        (event_id, events[event_id].messages[fact.source].text)
        for event_id, facts in demo_data.answers().items()
        for fact in facts
    ]

    assert len({text for _, text in sources}) == len(set(sources))


def test_facts_are_in_the_language_of_their_conversation_and_told_once() -> None:
    languages = {event.event_id: "zh" if event.user_id == "lin-xia" else "en" for event in demo_data.conversations()}
    facts = [(languages[event_id], fact) for event_id, found in demo_data.answers().items() for fact in found]

    assert {language for language, _ in facts} == {"en", "zh"}
    assert len({fact.text for _, fact in facts}) == len(facts)
    for language, fact in facts:
        chinese = any("\u4e00" <= character <= "\u9fff" for character in fact.text)
        assert chinese == (language == "zh"), fact.text
        assert len(fact.text) >= 10
        assert len(fact.text.split()) <= 45


def test_an_agents_facts_hold_nothing_personal() -> None:
    texts = [fact.text for facts in demo_data.answers().values() for fact in facts if fact.scope is Scope.AGENT]

    assert len(texts) >= 10
    for text in texts:
        assert not [name for name in PERSONAL if name in text], text


def test_questions_are_asked_by_those_who_talked() -> None:
    events = demo_data.conversations()
    questions = demo_data.questions()

    assert len(questions) >= 5
    assert {question.language for question in questions} == {"en", "zh"}
    for question in questions:
        assert (question.user_id, question.agent_id) in {(event.user_id, event.agent_id) for event in events}
        assert question.session_id in {None, *(event.session_id for event in events)}


def test_the_server_answers_a_prompt_of_mem0_with_the_facts_of_its_messages() -> None:
    event = demo_data.conversations()[0]
    lines = as_lines(event, first=5)

    with CompletionsServer(authored()) as server:
        answer = OpenAILlm("authored", base_url=server.url, timeout=30).complete_json(prompt_about(lines))

    memory = json.loads(answer.text)["memory"]
    expected = demo_data.answers()[event.event_id]
    assert [item["text"] for item in memory] == [fact.text for fact in expected]
    assert [item["source"] for item in memory] == [fact.source + 5 for fact in expected]
    assert [item["scope"] for item in memory] == [fact.scope for fact in expected]
    assert [item["id"] for item in memory] == [str(number) for number in range(len(expected))]
    assert answer.tokens.prompt > 5_000, "the system prompt is counted"
    assert answer.tokens.completion > 100


def test_every_authored_fact_is_given() -> None:
    given = [
        item["text"]
        for event in demo_data.conversations()
        for item in json.loads(authored()(prompt_about(as_lines(event))))["memory"]
    ]

    assert set(given) == {fact.text for facts in demo_data.answers().values() for fact in facts}


def test_about_unknown_turns_nothing_is_known() -> None:
    lines: list[dict[str, object]] = [{"n": 0, "role": "user", "content": "I keep bees."}]

    assert json.loads(authored()(prompt_about(lines))) == {"memory": []}
    assert json.loads(authored()([{"role": "user", "content": "Hello!"}])) == {"memory": []}


def test_a_role_that_did_not_say_it_is_not_known_either() -> None:
    said = demo_data.conversations()[0].messages[0].text

    assert json.loads(authored()(prompt_about([{"n": 0, "role": "assistant", "content": said}]))) == {"memory": []}


@pytest.mark.parametrize(
    ("line", "told"), [("{", "line 2"), ('{"user_id": "u", "messages": []}', "line 2, messages"), ("[]", "line 2")]
)
def test_a_line_that_is_no_event_is_named(line: str, told: str) -> None:
    good = '{"user_id": "u", "messages": [{"role": "user", "content": "hi"}]}'

    with pytest.raises(InvalidEvent, match=told):
        demo_data.read_conversations([good, line])
