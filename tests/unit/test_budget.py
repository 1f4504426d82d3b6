from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Memory, Scope
from afterword.schemas.rendering import render_sections
from afterword.workers.services.recall.budget import fit
from afterword.workers.text.tokens import estimate

memories = st.builds(
    Memory,
    id=st.uuids().map(str),
    text=st.text(max_size=200) | st.text("你好世界", max_size=50),
    scope=st.sampled_from(Scope),
    kind=st.sampled_from(Kind),
    role=st.sampled_from([None, "user", "assistant"]),
    session_id=st.sampled_from([None, "s"]),
    occurred_at=st.just(datetime(2026, 5, 1, tzinfo=UTC)),
)
agents = st.none() | st.text("ab名字", min_size=1, max_size=256)


def of(text: str) -> Memory:
    return Memory(id=text, text=text, scope=Scope.USER, kind=Kind.FACT, occurred_at=datetime(2026, 5, 1, tzinfo=UTC))


@given(st.lists(memories, max_size=20), st.integers(1, 10), st.integers(1, 400), st.sampled_from(["en", "zh"]), agents)
def test_neither_bound_is_ever_exceeded(
    given_: list[Memory], limit: int, token_budget: int, language: str, agent_id: str | None
) -> None:
    chosen = fit(given_, limit=limit, token_budget=token_budget, language=language, agent_id=agent_id)
    text = render_sections(chosen, agent_id=agent_id, session_id="s", language=language)
    assert len(chosen) <= limit
    assert estimate(text) <= token_budget
    order = [given_.index(memory) for memory in chosen]
    assert order == sorted(order)


def test_all_are_taken_when_there_is_room() -> None:
    given_ = [of("a"), of("b"), of("c")]
    assert fit(given_, limit=10, token_budget=1500, language="en") == given_
    assert fit(given_, limit=2, token_budget=1500, language="en") == given_[:2]


def test_one_that_is_too_long_gives_way_to_the_next() -> None:
    assert fit([of("long " * 1000), of("short")], limit=10, token_budget=200, language="en") == [of("short")]
