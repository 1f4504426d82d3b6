"""The pipeline, end to end: real worker processes, driven through the SDK."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from afterword.producers import Context, Kind, MemoryClient, Scope
from tests.support.deployment import Deployment, metric
from tests.support.fake_openai import Fact, by_content
from tests.support.openai_faults import wrong_shape
from tests.support.waiting import wait_until

TURNS = [
    {"role": "system", "content": "You are a travel agent."},
    {"role": "user", "content": "I moved to Lisbon last week, and I am allergic to peanuts."},
    {"role": "assistant", "content": "Noted: Lisbon, no peanuts. I always check allergens before booking dinners."},
]
FACTS = by_content(
    {
        "I moved to Lisbon": [
            Fact("User moved to Lisbon", scope="user"),
            Fact("User is allergic to peanuts", scope="user"),
            Fact("Check allergens before booking dinners", scope="agent", attributed_to="assistant"),
            Fact("Dinner in Lisbon is being planned", scope="session"),
        ]
    }
)


def facts(client: MemoryClient, user_id: str) -> list[str]:
    return sorted(memory.text for memory in client.memories.iterate(user_id=user_id, kind=Kind.FACT))


def ask(client: MemoryClient, query: str, **about: Any) -> Context:
    return client.context(about.pop("user_id", "ada"), query=query, timeout=10, **about)


def test_a_conversation_comes_back_as_context(deployment: Deployment) -> None:
    deployment.openai.answer_with(FACTS)
    workers = {worker.role: worker for worker in deployment.start()}
    with deployment.client() as client:
        event_id = client.publish(user_id="ada", agent_id="travel", session_id="s1", messages=TURNS)
        wait_until(lambda: len(facts(client, "ada")) == 3, 120, "the user's facts")

        context = ask(client, "Are there peanuts in Lisbon dinners?", agent_id="travel", session_id="s1")

        found = {(memory.text, memory.scope, memory.kind) for memory in context.memories}
        assert ("User is allergic to peanuts", Scope.USER, Kind.FACT) in found
        assert ("Dinner in Lisbon is being planned", Scope.SESSION, Kind.FACT) in found
        assert not context.degraded
        assert {memory.source.event_id for memory in context.memories if memory.source} == {event_id}
        assert "User is allergic to peanuts" in context.inject("You are a travel agent.")
        assert "travel agent" not in context.text, "system messages are not learned from"

        of_others = ask(client, "Check allergens before dinners", user_id="bob", agent_id="travel")
        assert [memory.text for memory in of_others.memories] == ["Check allergens before booking dinners"]
    assert len(deployment.openai.chats) == 1, "one call for all scopes"
    assert metric(workers["ingest"], "afterword_ingested_conversations_total", {"outcome": "stored"}) == 1
    assert metric(workers["extraction"], "afterword_llm_calls_total", {"model": "gpt-5-mini", "outcome": "ok"}) == 1


def test_what_was_just_said_is_recalled_while_the_llm_is_away(deployment: Deployment) -> None:
    deployment.start("ingest", "context")
    with deployment.client() as client:
        client.publish(user_id="ada", session_id="s1", messages=TURNS)
        wait_until(lambda: ask(client, "peanuts").memories, 120, "the excerpt")

        excerpt = ask(client, "peanuts").memories[0]

    assert excerpt.kind is Kind.EXCERPT
    assert excerpt.text == TURNS[1]["content"]
    assert excerpt.source is not None
    assert excerpt.source.message == 1, "the place of the turn among the event's messages"


def test_tenants_and_users_never_see_each_other(deployment: Deployment) -> None:
    deployment.start("ingest", "extraction", "scheduler", "context", "commands")
    owners = [("acme", "ada"), ("acme", "bob"), ("other", "ada")]
    for tenant, user in owners:
        with deployment.client(tenant) as client:
            client.publish(user_id=user, agent_id="shared", session_id="s", messages=_secret(tenant, user))
    for tenant, user in owners:
        with deployment.client(tenant) as client:
            wait_until(lambda: facts(client, user), 120, "facts")  # noqa: B023  # called before the next turn

            context = ask(client, "what is the secret word", user_id=user, agent_id="shared", session_id="s")

            told = context.text + "".join(memory.text for memory in client.memories.iterate(user_id=user))
        assert f"{tenant}-{user}" in told
        assert not [f"{t}-{u}" for t, u in owners if (t, u) != (tenant, user) and f"{t}-{u}" in told]


def _secret(tenant: str, user: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"My secret word is {tenant}-{user}, what is the secret word?"}]


def test_redis_stopped_and_started_under_the_publisher(deployment: Deployment) -> None:
    deployment.start("ingest", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", event_id="before", messages=_said("before the outage"))
        wait_until(lambda: len(_excerpts(client)) == 1, 120, "the first event")
        deployment.redis.stop()

        took = []
        for number in range(20):
            started = time.monotonic()
            client.publish(user_id="ada", event_id=f"during-{number}", messages=_said(f"during the outage {number}"))
            took.append(time.monotonic() - started)

        assert client.stats.queued == 20
        assert median(took) < 0.05, "only the first publish may have waited for Redis"
        deployment.redis.start()
        assert client.flush(30)
        wait_until(lambda: len(_excerpts(client)) == 21, 120, "every event")
        assert client.stats.dropped == 0


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _excerpts(client: MemoryClient) -> set[str]:
    return {memory.text for memory in client.memories.iterate(user_id="ada", kind=Kind.EXCERPT)}


def test_a_context_request_that_nobody_answers(deployment: Deployment) -> None:
    with deployment.client() as client:
        started = time.monotonic()
        context = client.context("ada", query="anything", timeout=0.3)
        waited = time.monotonic() - started

        assert not context
        assert context.degraded
        assert context.inject("prompt") == "prompt"
        assert 0.3 <= waited < 30
        (worker,) = deployment.start("context")

        wait_until(
            lambda: metric(worker, "afterword_context_requests_total", {"outcome": "expired"}) == 1,
            120,
            "the late request to be dropped",
        )
        assert ask(client, "anything").degraded == ()


def test_a_wrong_shaped_answer_is_asked_for_again(deployment: Deployment) -> None:
    deployment.openai.answer_with(FACTS)
    deployment.openai.fail(wrong_shape(), times=2)
    deployment.start("ingest", "extraction", "scheduler", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", agent_id="travel", session_id="s1", messages=TURNS)

        wait_until(lambda: len(facts(client, "ada")) == 3, 120, "the facts")

    assert len(deployment.openai.chats) == 3


def test_a_redelivered_event_is_taken_in_once(deployment: Deployment) -> None:
    deployment.openai.answer_with(FACTS)
    deployment.start("ingest", "extraction", "scheduler", "commands")
    with deployment.client() as client:
        for _ in range(5):
            client.publish(user_id="ada", event_id="one", agent_id="travel", session_id="s1", messages=TURNS)
        wait_until(lambda: len(facts(client, "ada")) == 3, 120, "the facts")
        (second,) = deployment.start("ingest")
        client.publish(user_id="ada", event_id="one", agent_id="travel", session_id="s1", messages=TURNS)
        wait_until(lambda: _duplicates(deployment) == 5, 120, "every delivery to be looked at")

        assert len(facts(client, "ada")) == 3
        assert len(_excerpts(client)) == 2
        assert second.stop() == 0
    assert len(deployment.openai.chats) == 1


def _duplicates(deployment: Deployment) -> float:
    ingests = [worker for worker in deployment.workers if worker.role == "ingest"]
    return sum(metric(worker, "afterword_ingested_conversations_total", {"outcome": "duplicate"}) for worker in ingests)


def test_a_killed_worker_loses_nothing(deployment: Deployment) -> None:
    (ingest, _commands) = deployment.start("ingest", "commands")
    with deployment.client() as client:
        client.publish_many(
            {"user_id": "ada", "event_id": f"e{number}", "messages": _said(f"word {number}")} for number in range(300)
        )
        wait_until(
            lambda: metric(ingest, "afterword_ingested_conversations_total", {"outcome": "stored"}) > 5, 120, "a start"
        )
        ingest.kill()
        deployment.start("ingest")

        wait_until(lambda: len(_excerpts(client)) == 300, 120, "every event")


def test_memory_switched_off(deployment: Deployment) -> None:
    deployment.settings["AFTERWORD_MEMORY_ENABLED"] = "false"
    ingest, _, _ = deployment.start("ingest", "context", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", messages=TURNS)
        wait_until(
            lambda: metric(ingest, "afterword_ingested_conversations_total", {"outcome": "skipped"}) == 1,
            120,
            "the event",
        )

        assert ask(client, "peanuts").degraded == ("memory_off",)
        assert not list(client.memories.iterate(user_id="ada"))
