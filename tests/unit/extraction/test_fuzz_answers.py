"""Answers of any shape: facts in bounds, or a bad answer; in time that grows with the text alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.core.errors import BadAnswer
from afterword.workers.models.llms.answer_text import answer_text
from afterword.workers.services.extraction import answer, items
from afterword.workers.services.extraction.answer import MOST_FACT_CHARACTERS, MOST_FACTS, FactsRead
from afterword.workers.services.extraction.known import Existing
from tests.support.batches import batch_of, conversation, turn
from tests.support.fuzzing import fuzzed, json_values, texts

BATCH = batch_of(conversation(1, [turn("a", 0), turn("b", 2)], agent_id="guide", session_id="s1"))
EXISTING = [Existing("id-0", "old")]
KEYS = ["memory", "Memories", "facts", "text", "source", "scope", "attributed_to", "linked_memory_ids", "data", "type"]
KEYS += ["function", "arguments", "tool_calls", "content", "properties", "0", "name", "message", "reasoning_content"]
WORDS = ["likes tea", "user", "agent", "session", "0", '{"memory": []}', '[{"text": "x"}]', "[]", "function"]
PIECES = [
    *('{"memory": [{"text": "likes tea"}]}', '{"memory": []}', '{"memory": [', "<think>", "</think>", "```json", "```"),
    *('["a"]', '{"text": "x"}', "[", "{", '{"', '[{"text": "', "]", "}", ",", ":", "\\", "\\ud800", "\x00", "\ue000"),
    *("For example:", "if", "null", "NaN", "1e999", "9" * 5000, "[" * 3000, '{"a":' * 3000, "-Infinity"),
]

values = json_values(KEYS, WORDS)
sometimes_in_json = st.one_of(values, st.builds(lambda value: dumped(value), values))


def dumped(value: Any) -> str:
    try:
        return json.dumps(value)
    except ValueError:  # numbers of more digits than Python writes
        return "[]"


answers = st.one_of(
    st.lists(st.one_of(st.sampled_from(PIECES), texts(WORDS), values.map(dumped)), max_size=8).map("".join),
    st.dictionaries(st.sampled_from(["memory", "facts", "data"]), sometimes_in_json, min_size=1, max_size=2).map(
        dumped
    ),
    st.lists(sometimes_in_json, max_size=4).map(lambda given: dumped({"memory": given})),
)


def facts_in(text: str) -> FactsRead | None:
    try:
        return answer.read(text, BATCH, "batch", EXISTING)
    except BadAnswer as error:
        str(error).encode()
        return None


@fuzzed(200)
@given(answers)
def test_any_answer_gives_bounded_facts_or_is_bad(text: str) -> None:
    read = facts_in(text)
    if read is None:
        return
    assert len(read.facts) <= MOST_FACTS
    assert len({fact.id for fact in read.facts}) == len(read.facts)
    for fact in read.facts:
        assert 0 < len(fact.text.strip()) <= len(fact.text) <= MOST_FACT_CHARACTERS
        fact.text.encode()
        assert "\x00" not in fact.text
        assert set(fact.linked_memory_ids) <= {"id-0"}


@fuzzed(80)
@given(st.dictionaries(st.sampled_from([*KEYS, "reasoning", "function_call"]), st.one_of(sometimes_in_json, answers)))
def test_any_message_of_a_model_has_an_answer_or_none(message: dict[str, Any]) -> None:
    text = answer_text(message)
    text.encode()
    facts_in(text)


@fuzzed(30)
@given(st.lists(st.sampled_from(PIECES[:-4]), min_size=1, max_size=4).map("".join))
def test_no_answer_is_looked_at_more_often_than_its_length_allows(piece: str) -> None:
    """Counted in decoder calls and searches, since a machine that is busy says nothing by its clock."""
    with pytest.MonkeyPatch.context() as patch:
        calls: list[int] = []

        class Counting(json.JSONDecoder):
            def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
                if len(s) > 30_000:  # the answer, and no string within it
                    calls.append(idx)
                return super().raw_decode(s, idx)

        patch.setattr(json, "JSONDecoder", Counting)
        text = piece * (40_000 // len(piece))
        facts_in(text)
        # Each place is decoded once at most, and what fails is bounded.
        assert len(calls) == len(set(calls)) <= items._MOST_FALSE_STARTS + items._MOST_VALUES + 1
