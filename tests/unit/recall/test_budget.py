from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import tiktoken
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers

from afterword.schemas import Kind, Memory, Scope
from afterword.schemas.rendering import render_sections, section_of
from afterword.workers.models.tokenizers.hugging_face import HuggingFaceTokenizer
from afterword.workers.models.tokenizers.port import EstimatingTokenizer, Tokenizer
from afterword.workers.models.tokenizers.tiktoken import TiktokenTokenizer
from afterword.workers.services.recall.budget import fit

U, A, S = Scope.USER, Scope.AGENT, Scope.SESSION


@dataclass(frozen=True)
class Counted:
    """A tokenizer out of a function."""

    of: Callable[[str], int]

    def count(self, text: str) -> int:
        return self.of(text)


MERGES = [(b"#", b"#"), (b"-", b" "), (b"\n", b"-"), (b"2", b"0"), (b"a", b"b"), (b"\n", b"\n"), (b"ab", b"ab")]
BYTES = {bytes([byte]): byte for byte in range(256)}
ENCODING = tiktoken.Encoding(
    "tiny",
    pat_str=r"[\s\S]+",
    mergeable_ranks=BYTES | {left + right: 256 + rank for rank, (left, right) in enumerate(MERGES)},
    special_tokens={"<|end|>": 300},
)
WORDS = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "likes": 1}, unk_token="[UNK]"))
WORDS.pre_tokenizer = pre_tokenizers.Whitespace()

TOKENIZERS: dict[str, Tokenizer] = {
    "estimate": EstimatingTokenizer(),
    "tiktoken": TiktokenTokenizer(ENCODING),
    "hugging face": HuggingFaceTokenizer(WORDS),
    "characters": Counted(len),
    "nothing": Counted(lambda _: 0),
    # None of a tokenizer's usual ways: the whole takes far more, or anything.
    "square": Counted(lambda text: len(text) ** 2 // 40),
    "chance": Counted(lambda text: zlib.crc32(text.encode("utf-8", "replace")) % 200),
}

memories = st.builds(
    Memory,
    id=st.uuids().map(str),
    text=st.text(max_size=200) | st.text("你好世界", max_size=50) | st.text("ab ", max_size=60),
    scope=st.sampled_from(Scope),
    kind=st.sampled_from(Kind),
    role=st.sampled_from([None, "user", "assistant"]),
    session_id=st.sampled_from([None, "s"]),
    occurred_at=st.just(datetime(2026, 5, 1, tzinfo=UTC)),
)
agents = st.none() | st.text("ab名字", min_size=1, max_size=256)
shares = st.none() | st.lists(st.floats(0, 1), min_size=3, max_size=3).map(
    lambda parts: {scope: part / max(sum(parts), 1) for scope, part in zip(Scope, parts, strict=True)}
)


def of(text: str, scope: Scope = U, **fields: Any) -> Memory:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    return Memory(id=text, text=text, scope=scope, **{"kind": Kind.FACT, "occurred_at": at, **fields})


def named(*names: str) -> list[Memory]:
    scopes = {"u": U, "a": A, "s": S}
    return [of(name, scopes[name[0]]) for name in names]


def ids(chosen: list[Memory]) -> list[str]:
    return [memory.id for memory in chosen]


@given(
    given_=st.lists(memories, max_size=20),
    limit=st.integers(1, 10),
    token_budget=st.integers(1, 400),
    language=st.sampled_from(["en", "zh", "zh-TW"]),
    agent_id=agents,
    session_id=st.sampled_from([None, "s"]),
    parts=shares,
    name=st.sampled_from(list(TOKENIZERS)),
)
def test_neither_bound_is_ever_exceeded(
    given_: list[Memory],
    limit: int,
    token_budget: int,
    language: str,
    agent_id: str | None,
    session_id: str | None,
    parts: dict[Scope, float] | None,
    name: str,
) -> None:
    chosen = fit(
        given_,
        limit=limit,
        token_budget=token_budget,
        language=language,
        agent_id=agent_id,
        session_id=session_id,
        shares=parts,
        tokenizer=TOKENIZERS[name],
    )
    text = render_sections(chosen, agent_id=agent_id, session_id=session_id, language=language)
    assert len(chosen) <= limit
    assert not chosen or TOKENIZERS[name].count(text) <= token_budget
    order = [given_.index(memory) for memory in chosen]
    assert order == sorted(set(order))
    for memory in chosen:
        assert " ".join(memory.text.split()) in text


@given(
    given_=st.lists(st.builds(of, st.uuids().map(str), st.sampled_from(Scope)), max_size=30),
    limit=st.integers(1, 12),
    parts=shares.filter(bool),
)
def test_no_scope_is_kept_from_its_share(given_: list[Memory], limit: int, parts: dict[Scope, float]) -> None:
    chosen = fit(given_, limit=limit, token_budget=100_000, language="en", shares=parts)
    assert len(chosen) == min(limit, len(given_))
    for scope in Scope:
        of_scope = [memory for memory in given_ if memory.scope is scope]
        own = int(limit * parts[scope] + 1e-9)
        taken = [memory for memory in chosen if memory.scope is scope]
        assert taken[:own] == of_scope[:own]
        assert taken == of_scope[: len(taken)]


def test_each_scope_fills_its_share_and_the_best_take_the_rest() -> None:
    given_ = named("u1", "u2", "u3", "u4", "u5", "a1", "a2", "a3", "s1", "s2")
    even = {U: 0.5, A: 0.25, S: 0.25}
    assert ids(fit(given_, limit=4, token_budget=1500, language="en")) == ["u1", "u2", "u3", "u4"]
    assert ids(fit(given_, limit=4, token_budget=1500, language="en", shares=even)) == ["u1", "u2", "a1", "s1"]
    assert ids(fit(given_, limit=5, token_budget=1500, language="en", shares=even)) == ["u1", "u2", "u3", "a1", "s1"]
    assert ids(fit(given_, limit=4, token_budget=1500, language="en", shares={S: 0.5})) == ["u1", "u2", "s1", "s2"]


def test_what_a_scope_leaves_goes_to_the_others() -> None:
    given_ = named("u1", "u2", "u3", "u4", "u5", "a1")
    chosen = fit(given_, limit=5, token_budget=1500, language="en", shares={U: 0.2, A: 0.4, S: 0.4})
    assert ids(chosen) == ["u1", "u2", "u3", "u4", "a1"]


def test_shares_are_of_the_tokens_too() -> None:
    given_ = [*(of(f"user {'x' * 400} {n}") for n in range(9)), of(f"agent {'y' * 400}", A)]
    best = fit(given_, limit=10, token_budget=600, language="en")
    balanced = fit(given_, limit=10, token_budget=600, language="en", shares={U: 0.5, A: 0.5})
    assert {memory.scope for memory in best} == {U}
    assert [memory.scope for memory in balanced].count(A) == 1
    assert len(balanced) == len(best)


def test_a_turn_of_the_present_session_has_the_sessions_share() -> None:
    said = [of(f"said {n}", kind=Kind.EXCERPT, session_id="s") for n in range(3)]
    given_ = [*named("u1", "u2", "u3", "u4"), *said]
    chosen = fit(given_, limit=4, token_budget=1500, language="en", session_id="s", shares={U: 0.5, S: 0.5})
    assert ids(chosen) == ["u1", "u2", "said 0", "said 1"]
    assert [section_of(memory, "s") for memory in chosen] == [U, U, S, S]


def test_all_are_taken_when_there_is_room() -> None:
    given_ = [of("a"), of("b"), of("c")]
    assert fit(given_, limit=10, token_budget=1500, language="en") == given_
    assert fit(given_, limit=2, token_budget=1500, language="en") == given_[:2]


def test_one_that_is_too_long_gives_way_to_the_next() -> None:
    assert fit([of("long " * 1000), of("short")], limit=10, token_budget=200, language="en") == [of("short")]


@pytest.mark.parametrize("name", ["estimate", "characters", "tiktoken", "hugging face"])
def test_a_budget_is_used_up(name: str) -> None:
    """With what the text of all takes, all are in, but for what the line ends at its end and between pieces take."""
    tokenizer = TOKENIZERS[name]
    given_ = [of(f"fact number {n}", scope) for n in range(4) for scope in Scope]
    needed = tokenizer.count(render_sections(given_))
    assert fit(given_, limit=20, token_budget=needed + 20, language="en", tokenizer=tokenizer) == given_
    assert len(fit(given_, limit=20, token_budget=needed - 1, language="en", tokenizer=tokenizer)) < len(given_)


@given(
    first=st.lists(memories, max_size=8),
    completing=st.lists(memories, max_size=8),
    limit=st.integers(1, 12),
    token_budget=st.integers(1, 400),
    shares=st.one_of(st.none(), st.fixed_dictionaries({U: st.floats(0, 0.5), S: st.floats(0, 0.5)})),
)
def test_what_completes_pushes_nothing_out(
    first: list[Memory],
    completing: list[Memory],
    limit: int,
    token_budget: int,
    shares: dict[Scope, float] | None,
) -> None:
    """Told apart by their place: the same memory may be among both."""
    bounds: dict[str, Any] = {"limit": limit, "token_budget": token_budget, "language": "en", "shares": shares}
    alone = fit(first, **bounds)
    completed = fit(first, completing=completing, **bounds)
    assert completed[: len(alone)] == alone
    assert len(completed) <= limit
    assert EstimatingTokenizer().count(render_sections(completed, language="en")) <= token_budget
    assert all(any(each is other for other in completing) for each in completed[len(alone) :])
