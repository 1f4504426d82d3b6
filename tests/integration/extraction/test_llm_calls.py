"""What calls to the LLM cost, and that every one of them is written down."""

from __future__ import annotations

import pytest

from afterword.cli.stats import stats_table
from afterword.workers.core.tokens import Tokens
from afterword.workers.embedded.completions import HttpReply, completion
from afterword.workers.services.extraction.pricing import Price
from afterword.workers.stores.ledger.extraction import llm_calls
from afterword.workers.stores.ledger.extraction.llm_calls import Usage
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import clear, count
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import Workshop, event

CHEAP = {"fake-model": Price(prompt=1.0, cached=0.5, completion=2.0)}


def usage(workshop: Workshop, tenant: str | None = None) -> list[Usage]:
    with workshop.database.transaction() as connection:
        return llm_calls.usage(connection, tenant)


def paid_for(reply: HttpReply, prompt: int, completion_tokens: int) -> HttpReply:
    tokens = {
        "prompt_tokens": prompt,
        "completion_tokens": completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 10},
    }
    return HttpReply({**reply.body, "usage": tokens})


@pytest.mark.parametrize(
    "answer",
    [faults.refusal(), faults.truncated(), faults.filtered(), faults.not_json(), faults.wrong_shape()],
    ids=["refusal", "truncated", "filtered", "no JSON", "wrong shape"],
)
def test_an_answer_that_cannot_be_used_is_paid_for_all_the_same(
    workshop: Workshop, llm: FakeOpenAI, answer: HttpReply
) -> None:
    llm.fail(paid_for(answer, 100, 7))
    workshop.take_in(event("Hello."))
    workshop.extract_all()
    assert usage(workshop) == [Usage("fake-model", calls=1, failed=1, tokens=Tokens(100, 10, 7))]
    labels = {"model": "fake-model", "tenant": "default", "type": "prompt"}
    assert count(workshop, "afterword_llm_tokens_total", **labels) == 100


def test_calls_are_told_apart_by_outcome_and_tenant(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    workshop = open_workshop(breaker_failures=100)
    llm.fail(faults.server_error(), faults.unauthorised(), faults.not_json())
    workshop.take_in(event("Hello."), event("Hello.", user="bob", tenant_id="acme"))
    workshop.extract_all()
    workshop.due_now()
    workshop.extract_all()
    workshop.due_now()
    workshop.extract_all()
    outcomes = {row.outcome: row.calls for row in workshop.rows(BY_OUTCOME)}
    assert outcomes == {"unavailable": 1, "refused": 1, "bad_answer": 1, "ok": 2}
    assert [each.calls for each in usage(workshop, "acme") + usage(workshop, "default")] in ([2, 3], [3, 2])
    assert usage(workshop, "nobody") == []


BY_OUTCOME = "SELECT outcome, count(*) AS calls FROM llm_calls GROUP BY outcome"


def test_a_call_whose_answer_is_void_is_written_down(workshop: Workshop, llm: FakeOpenAI) -> None:
    """The subject was cleared while the LLM thought."""
    workshop.llm.after = lambda: clear(workshop)
    workshop.take_in(event("Hello."))
    workshop.extract_all()
    [spent] = usage(workshop)
    assert (spent.calls, spent.failed) == (1, 0)
    assert spent.tokens.prompt > 0
    assert len(llm.chats) == 1


def test_the_record_of_a_batch_says_how_many_conversations_it_had(workshop: Workshop) -> None:
    workshop.take_in(event("one"), event("two"), event("three"))
    workshop.extract_all()
    [row] = workshop.rows("SELECT * FROM llm_calls")
    assert (row.conversations, row.outcome, row.user_id) == (3, "ok", "ann")
    assert row.seconds > 0


def test_stats_tell_figures_and_cost_per_conversation() -> None:
    told = stats_table([Usage("fake-model", 4, 1, Tokens(8_000, 2_000, 500))], 2, CHEAP)
    assert told.splitlines()[1].split() == ["fake-model", "4", "1", "8000", "2000", "500", "$0.0080"]
    assert told.splitlines()[-1] == (
        "per conversation: 2.00 calls, 4000 prompt tokens, 250 completion tokens, $0.004000"
    )


def test_stats_do_not_guess_a_price() -> None:
    usages = [Usage("fake-model", 1, 0, Tokens(10)), Usage("other", 1, 0, Tokens(10))]
    told = stats_table(usages, 1, CHEAP)
    assert "no price" in told
    assert "cost unknown" in told


def test_stats_of_nothing() -> None:
    assert "0 conversations extracted" in stats_table([], 0, {})


def test_a_call_is_told_by_the_model_that_was_asked_whatever_the_answer_calls_it(
    workshop: Workshop, llm: FakeOpenAI
) -> None:
    """Else failed calls, which have no answer, would stand in a row of their own."""
    llm.fail(faults.not_json(), completion('{"memory": []}', model="fake-model-2026-01-01"))
    workshop.take_in(event("Hello."))
    workshop.extract_all()
    workshop.due_now()
    workshop.extract_all()
    [spent] = usage(workshop)
    assert (spent.model, spent.calls, spent.failed) == ("fake-model", 2, 1)
