from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import Scope
from afterword.workers.core import ids
from afterword.workers.core.errors import BadAnswer
from afterword.workers.services.extraction import answer as answers
from afterword.workers.services.extraction.answer import MOST_FACT_CHARACTERS, MOST_FACTS, FactsRead
from afterword.workers.services.extraction.known import Existing
from afterword.workers.stores.ledger.extraction.journal import Fact
from tests.support.batches import NOON, batch_of, conversation, turn

BATCH = batch_of(
    conversation(1, [turn("a", 0, message_id="m0"), turn("b", 2)], agent_id="guide", session_id="s1"),
    conversation(2, [turn("c", 5)], agent_id="cook", session_id="s2"),
    conversation(3, [turn("d", 1)]),
)
EXISTING = [Existing("id-0", "old"), Existing("id-1", "older")]


def read_all(text: str) -> FactsRead:
    return answers.read(text, BATCH, "batch", EXISTING)


def read(text: str) -> tuple[Fact, ...]:
    return read_all(text).facts


def facts(*memories: Any) -> tuple[Fact, ...]:
    return read(json.dumps({"memory": memories}))


def fact(**fields: Any) -> Fact:
    (found,) = facts({"text": "likes tea", "source": 0, **fields})
    return found


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no facts",
        "null",
        "[]",
        '"memory"',
        "{}",
        "{",
        '{"memory": null}',
        '{"memory": "likes tea"}',
        '{"memory": {}}',
        '{"data": []}',
        '{"people": ["Ada"]}',
        '{"answer": {"content": "I cannot do that"}}',
        '{"type": "object", "properties": {"memory": {"type": "array", "items": {"type": "object"}}}}',
        '<think>{"memory": [{"text": "a draft"}]}',
        '<think>{"memory": []}</think>',
        '{"memory": [{"text": "a draft"}]}</think>',
        '{"memory": [{"text": "likes tea"}',
        '[{"text": "likes tea"}, {"text": "likes',
        '{"memory": [{"text": "likes tea"}]} {"memory": [{"text": "likes',
        '{"memory": [null]}',
        '{"memory": [{}]}',
        '{"memory": [{"text": ""}]}',
        '{"memory": [{"text": " \\n"}]}',
        '{"memory": [{"text": "\\u0000"}]}',
        '{"memory": [{"text": 5}]}',
        '{"a":' * 5_000,
        "\ue0000",
        '\ue000{"memory": null}\ue000',
    ],
)
def test_an_answer_of_another_shape_is_an_error_never_no_facts(answer: str) -> None:
    with pytest.raises(BadAnswer):
        read(answer)


def test_an_error_does_not_repeat_the_answer() -> None:
    with pytest.raises(BadAnswer) as caught:
        read('{"Ada lives in Lisbon": "a secret"}')
    assert "secret" not in str(caught.value)
    assert "Lisbon" not in str(caught.value)


def test_no_facts_is_an_answer() -> None:
    assert read('{"memory": []}') == ()


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"memory": [{"text": "likes tea"}]}\n```',
        'Here you are: {"memory": [{"text": "likes tea"}]} Anything else?',
        '<think>maybe {x} or {"memory": []}?</think>\n{"memory": [{"text": "likes tea"}]}',
        '<think>{"memory": [</think>{"memory": [{"text": "likes tea"}]}',
        '{"memory": [{"text": "likes tea", "more": {"deep": [1]}}], "note": "x"}',
        '{"memory": [{"text": " likes tea\x00\\n"}]}',
    ],
)
def test_what_models_put_around_an_answer_is_borne(answer: str) -> None:
    assert [found.text for found in read(answer)] == ["likes tea"]


TEA = '{"text": "likes tea"}'
LISTED = json.dumps({"memory": [{"text": "likes tea"}]})


@pytest.mark.parametrize(
    "answer",
    [
        '{"memory": ["likes tea"]}',
        '{"memory": {"text": "likes tea"}}',
        '{"memory": {"0": {"text": "likes tea"}}}',
        '{"memories": [{"text": "likes tea"}]}',
        '{"Facts": ["likes tea"]}',
        '{"extracted-facts": [{"fact": "likes tea"}]}',
        '{"memories": [{"memory": "likes tea"}]}',
        '{"results": [{"content": "likes tea"}]}',
        '{"data": {"memory": [{"text": "likes tea"}]}}',
        '{"memory": [{"text": "likes tea"},]}',
        '["likes tea"]',
        f"[{TEA}]",
        f"Here is the list:\n```json\n[{TEA}]\n```",
        TEA,
        json.dumps({"name": "save", "arguments": LISTED}),
        json.dumps({"name": "save", "arguments": {"memories": ["likes tea"]}}),
        json.dumps({"name": "save", "arguments": {"content": "likes tea"}}),
        json.dumps([{"type": "function", "function": {"name": "save", "arguments": LISTED}}]),
        json.dumps({"tool_calls": [{"function": {"name": "save", "arguments": LISTED}}]}),
        json.dumps({"content": [{"type": "text", "text": LISTED}]}),
        json.dumps([{"type": "tool_use", "name": "save", "input": {"memory": [{"text": "likes tea"}]}}]),
        f"<tool_call>{json.dumps({'name': 'save', 'arguments': LISTED})}</tool_call>",
    ],
)
def test_facts_are_read_in_whatever_shape_they_come(answer: str) -> None:
    assert [found.text for found in read(answer)] == ["likes tea"]


@pytest.mark.parametrize("odd", [{}, None, 5, [], "", {"text": None}, {"text": " "}, {"id": "1"}, {"text": ["a"]}])
def test_an_odd_item_costs_itself_alone_and_is_counted(odd: object) -> None:
    found = read_all(json.dumps({"memory": [{"text": "likes tea"}, odd, {"text": "plays"}]}))
    assert [each.text for each in found.facts] == ["likes tea", "plays"]
    assert found.odd == {"no_text": 1}


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (f'{LISTED}\n{{"memory": ["plays the cello"]}}', ["likes tea", "plays the cello"]),
        (f'{LISTED}\n{{"facts": []}}', ["likes tea"]),
        (f'{LISTED}\n{{"note": "done"}} ["really"] {{"text": "a remark"}}', ["likes tea"]),
        (f'{LISTED}\nFor example, {{"memory": [{{"text": "an example"}}]}} would be one more.', ["likes tea"]),
        (f'{LISTED}\nHad he said it, the answer would be {{"memory": ["an example"]}}.', ["likes tea"]),
        (f'Items look like this, e.g. {{"memory": ["an example"]}}. The answer: {LISTED}', ["likes tea"]),
        (f"Here is an example of your format: {LISTED}", ["likes tea"]),
        ('{"text": "likes tea"}\n{"text": "plays the cello"}', ["likes tea", "plays the cello"]),
        (f'{{"memory": [{{"text": "a draft"}}]}}</think>{LISTED}', ["likes tea"]),
        (f'<thinking>{{"memory": ["a draft"]}} no</thinking>{LISTED}<think>{{"memory": ["after"]}}', ["likes tea"]),
    ],
)
def test_of_several_values_all_that_fit_are_taken_but_drafts_and_examples(answer: str, texts: list[str]) -> None:
    assert [found.text for found in read(answer)] == texts


def test_an_answer_gives_a_bounded_number_of_facts() -> None:
    found = read_all(json.dumps({"memory": [{"text": f"fact {number}"} for number in range(10_000)]}))
    assert [each.text for each in found.facts] == [f"fact {number}" for number in range(MOST_FACTS)]
    assert found.odd == {"too_many": 10_000 - MOST_FACTS}


@pytest.mark.parametrize("endless", ["x" * 1_000_000, "tea " * 250_000])
def test_a_fact_that_is_too_long_is_cut(endless: str) -> None:
    found = read_all(json.dumps({"memory": [{"text": endless}, {"text": "likes tea"}]}))
    assert [each.text for each in found.facts][1] == "likes tea"
    assert MOST_FACT_CHARACTERS - 100 < len(found.facts[0].text) <= MOST_FACT_CHARACTERS
    assert found.odd == {"too_long": 1}


@pytest.mark.parametrize(
    "answer",
    [
        "{" * 200_000,
        '{"' * 200_000,
        '{"a":' * 200_000,
        "[" * 200_000,
        '[{"' * 200_000,
        "{}" * 200_000,
        '{"a": 1}' * 200_000,
        "</think>" * 100_000,
        "<think>" * 100_000,
        '{"a": [' * 500 + '"' + "x" * 1_000_000,
        "x" * 3_000_000,
    ],
    ids=["braces", "keys", "nested", "lists", "items", "empty", "objects", "closings", "openings", "long", "longer"],
)
def test_no_answer_takes_long_to_read(answer: str) -> None:
    begun = time.process_time()
    with pytest.raises(BadAnswer):
        read(answer)
    assert time.process_time() - begun < 3


def test_marks_in_a_fact_stay_its_words() -> None:
    (found,) = facts({"text": "writes <think>aloud</think> in ```fences``` {and braces}"})
    assert found.text == "writes <think>aloud</think> in ```fences``` {and braces}"


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert read('{"memory": [{"text": "smiles \\ud83d"}]}')[0].text == "smiles ?"


def test_a_fact_has_its_source() -> None:
    found = fact(attributed_to="assistant")
    assert (found.event_id, found.message, found.message_id) == ("e1", 0, "m0")
    assert (found.agent_id, found.session_id, found.occurred_at) == ("guide", "s1", NOON)
    assert found.attributed_to == "assistant"


@pytest.mark.parametrize("source", [2, "2", " 2 "])
def test_a_source_may_be_a_number_or_its_text(source: object) -> None:
    found = fact(source=source)
    assert (found.event_id, found.message, found.occurred_at) == ("e2", 5, NOON + timedelta(minutes=5))


@pytest.mark.parametrize("source", [None, -1, 4, 99, "x", "", True, [0], {}, 1.5, "9" * 5000, "²"])
def test_an_unknown_source_is_the_last_message(source: object) -> None:
    assert fact(source=source).event_id == "e3"


@pytest.mark.parametrize("scope", [None, "", "everyone", "USER", 5, ["agent"], {"a": 1}])
def test_an_unknown_scope_is_the_users(scope: object) -> None:
    assert fact(scope=scope).scope is Scope.USER


def test_a_missing_scope_is_the_users() -> None:
    assert facts({"text": "likes tea"})[0].scope is Scope.USER


@pytest.mark.parametrize(("scope", "owner"), [(Scope.USER, "ada"), (Scope.AGENT, "guide"), (Scope.SESSION, "s1")])
def test_a_known_scope_is_kept_and_its_owner_is_in_the_id(scope: Scope, owner: str) -> None:
    found = fact(scope=scope.value)
    assert found.scope is scope
    assert found.id == ids.fact_id("default", scope, owner, "batch", 0)


@pytest.mark.parametrize("scope", ["agent", "session"])
def test_a_scope_without_an_owner_is_the_users(scope: str) -> None:
    found = fact(scope=scope, source=3)
    assert found.scope is Scope.USER
    assert found.id == ids.fact_id("default", Scope.USER, "ada", "batch", 0)


def test_the_same_text_is_kept_once_for_each_scope_and_owner() -> None:
    asked = [
        ("user", 0),
        ("user", 2),  # another session, the same user
        ("agent", 0),
        ("agent", 1),
        ("agent", 2),  # another agent
        ("session", 0),
        ("session", 2),  # another session
    ]
    found = facts(*[{"text": "same", "scope": scope, "source": source} for scope, source in asked])
    assert [(each.scope.value, each.event_id) for each in found] == [
        ("user", "e1"),
        ("agent", "e1"),
        ("agent", "e2"),
        ("session", "e1"),
        ("session", "e2"),
    ]
    assert len({each.id for each in found}) == 5


def test_ids_follow_from_the_batch() -> None:
    answer = json.dumps({"memory": [{"text": "a"}, {"text": "b"}]})
    first = answers.read(answer, BATCH, "batch", ()).facts
    assert answers.read(answer, BATCH, "batch", ()).facts == first
    assert not {each.id for each in answers.read(answer, BATCH, "other", ()).facts} & {each.id for each in first}


@pytest.mark.parametrize(
    ("links", "known"),
    [
        (["1", "0", "1"], ("id-1", "id-0")),
        ([0], ("id-0",)),
        (["7", "id-0", None, {}], ()),
        (None, ()),
        ("0", ()),
    ],
)
def test_links_lead_to_the_memories_that_were_shown(links: object, known: tuple[str, ...]) -> None:
    assert fact(linked_memory_ids=links).linked_memory_ids == known


@pytest.mark.parametrize("attributed", [None, "nobody", 5, ["user"]])
def test_an_unknown_speaker_is_none(attributed: object) -> None:
    assert fact(attributed_to=attributed).attributed_to is None


def test_json_and_back() -> None:
    found = fact(scope="agent", linked_memory_ids=["1"])
    assert Fact.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_fact_of_a_scope_that_its_agent_does_not_learn_is_dropped_and_counted() -> None:
    guarded = replace(BATCH, scopes={"guide": (Scope.USER, Scope.SESSION), "cook": (Scope.AGENT,)})
    items = [
        {"text": "is tall", "scope": "user", "source": 0},
        {"text": "be brief", "scope": "agent", "source": 0},
        {"text": "use butter", "scope": "agent", "source": 2},
        {"text": "likes butter", "scope": "user", "source": 2},
        {"text": "without a scope", "source": 2},
        {"text": "of nobody's agent", "scope": "agent", "source": 3},
    ]
    found = answers.read(json.dumps({"memory": items}), guarded, "batch", EXISTING)
    assert [each.text for each in found.facts] == ["is tall", "use butter", "of nobody's agent"]
    assert found.odd == {"scope_off": 3}
    # That there is nothing left is no bad answer.
    assert answers.read(json.dumps({"memory": items[1:2]}), guarded, "batch", EXISTING).facts == ()
