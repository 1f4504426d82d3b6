"""Policies over real servers: written, looked up the nearest first, counted by a dry run, applied in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.producers import AsyncMemoryClient, CommandFailed, InvalidInput, MemoryClient
from afterword.schemas.policies import PolicyEffect, PolicyRun, RunPolicies
from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.governance import removal
from afterword.workers.stores.ledger import policies
from afterword.workers.stores.ledger.policies import PolicyRow
from tests.fixtures.workshops import OpenWorkshop
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event, store_down


@pytest.fixture
def client(workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
    role = start_role(Role.COMMANDS, workshop.house)
    with MemoryClient(redis_url) as client:
        yield client
    role.stop(10)


def run(workshop: Workshop, *, dry_run: bool = False, within: float | None = None, **more: Any) -> PolicyRun:
    command = RunPolicies(reply_to=REPLY_TO, dry_run=dry_run, asked_by="root", **more)
    return workshop.house.policies.runs.run(command, within)


def counted(found: PolicyRun) -> dict[str, int]:
    """By effect, scope and kind."""
    return {
        " ".join(part for part in (each.effect, each.scope, each.kind) if part): each.count for each in found.counts
    }


def said(workshop: Workshop, *texts: str, user: str = "ann", days: float = 0, **more: Any) -> None:
    """Excerpts of a user, stored so many days ago."""
    workshop.take_in(event(*texts, user=user, **more))
    workshop.rows(
        "UPDATE memories SET created_at = created_at - :days * interval '1 day'"
        " WHERE user_id = :user AND created_at > clock_timestamp() - interval '1 hour'",
        days=days,
        user=user,
    )


def write(
    workshop: Workshop, rules: dict[str, Any], *, user: str = "", agent: str = "", tenant: str = "default"
) -> None:
    with workshop.database.transaction() as connection:
        policies.put(connection, PolicyRow(tenant, agent, user, rules), by=None)


class TestWritten:
    def test_a_policy_is_written_shown_listed_and_taken_back(self, workshop: Workshop, client: MemoryClient) -> None:
        client.policies.set({"keep_days": {"all": 365}, "audit_days": 90})
        shown = client.policies.set({"keep_days": {"excerpt": 30}}, user_id="ann", asked_by="root")
        assert shown == client.policies.show(user_id="ann")
        assert shown.rules.keep_days == {"excerpt": 30}
        # The user's policy says nothing of facts and of the audit.
        assert (shown.force.keep_days["user.excerpt"], shown.force.keep_days["user.fact"]) == (30, 365)
        assert shown.force.audit_days == 90
        first = client.policies.list(limit=1)
        [rest] = client.policies.list(cursor=first.next_cursor).policies
        assert ([each.user_id for each in first.policies], rest.user_id) == ([None], "ann")
        client.policies.set({}, user_id="ann")
        assert [each.user_id for each in client.policies.list().policies] == [None]
        rows = [row.metadata for row in workshop.audited() if row.type == "policy_update"]
        assert rows == [{"rules": {"keep_days": {"excerpt": 30}}, "by": "root"}, {"rules": {}}]

    def test_what_breaks_the_contract_is_refused(self, client: MemoryClient) -> None:
        with pytest.raises(InvalidInput, match="scope, a kind, or both"):
            client.policies.set({"keep_days": {"user.facts": 3}})
        with pytest.raises(InvalidInput, match="audit_days"):
            client.policies.set({"audit_days": -1})
        with pytest.raises(InvalidInput, match="or neither"):
            client.policies.show(user_id="ann", agent_id="coach")
        with pytest.raises(CommandFailed, match="cursor"):
            client.policies.list(cursor="elsewhere")

    def test_the_same_from_an_event_loop_and_each_tenant_has_its_own(
        self, client: MemoryClient, redis_url: str
    ) -> None:
        async def use() -> None:
            async with AsyncMemoryClient(redis_url, tenant_id="acme") as acme:
                await acme.policies.set({"max_memories": 10}, agent_id="coach")
                assert (await acme.policies.show(agent_id="coach")).force.max_memories == 10
                assert len((await acme.policies.list()).policies) == 1
                assert (await acme.policies.run()).counts == ()
                assert (await acme.memories.cleanup("ann", 30)).removed == 0

        asyncio.run(use())
        assert client.policies.list().policies == ()


class TestRetention:
    def test_the_nearest_policy_wins_and_the_dry_run_says_the_same_as_the_run(self, workshop: Workshop) -> None:
        for user in ("ann", "bob", "cat"):
            said(workshop, f"I am {user}.", user=user, days=40)
        said(workshop, "I am of an agent.", user="dan", days=40, agent_id="coach")
        write(workshop, {"keep_days": {"excerpt": 30}})
        write(workshop, {"keep_days": {"all": 60}}, user="bob")
        write(workshop, {"keep_days": {"user.excerpt": 0}}, user="cat")
        write(workshop, {"keep_days": {"user": 50}}, agent="coach")
        write(workshop, {"keep_days": {"all": 1}}, tenant="other")
        forecast = run(workshop, dry_run=True)
        assert counted(forecast) == {"retention user excerpt": 1}
        assert len(workshop.memories()) == 4
        assert run(workshop).counts == forecast.counts
        assert workshop.texts() == ["I am bob.", "I am cat.", "I am of an agent."]
        assert run(workshop, dry_run=True).counts == ()
        [row] = [row for row in workshop.audited() if row.type == "memory_delete"]
        assert (row.metadata["reason"], row.metadata["by"], row.result_count) == ("retention", "root", 1)
        taken = workshop.house.metrics.registry.get_sample_value(
            "afterword_policy_effects_total", {"type": "retention"}
        )
        assert taken == 1

    def test_nothing_goes_unless_somebody_says_so(self, workshop: Workshop) -> None:
        said(workshop, "I am old.", days=4000)
        workshop.house.policies.runs.apply_due()
        assert workshop.texts() == ["I am old."]

    def test_settings_are_the_widest_policy(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_days={"all": 365})
        said(workshop, "I am old.", days=366)
        said(workshop, "I am not.", user="bob", days=364)
        workshop.house.policies.runs.apply_due()
        assert workshop.texts() == ["I am not."]

    def test_a_run_goes_in_batches_and_one_that_was_stopped_is_gone_on_with(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterword.workers.services.governance.effects.BATCH", 2)
        said(workshop, *(f"Sentence {n}." for n in range(5)), days=40)
        write(workshop, {"keep_days": {"all": 30}})
        first = run(workshop, within=0.0)
        assert (counted(first), first.more) == ({"retention user excerpt": 2}, True)

        real = removal.MemoryRemover.remove
        calls: list[int] = []

        def once(self: Any, aged: Any, **more: Any) -> Any:
            calls.append(len(aged))
            if len(calls) == 2:
                raise VectorStoreUnavailable("Qdrant: connection refused")
            return real(self, aged, **more)

        monkeypatch.setattr(removal.MemoryRemover, "remove", once)
        with pytest.raises(VectorStoreUnavailable):
            workshop.house.policies.runs.apply_due()
        assert len(workshop.memories()) == 1
        # The hour is not done: the next run goes on.
        workshop.house.policies.runs.apply_due()
        assert workshop.memories() == []
        assert workshop.rows("SELECT count(*) AS n FROM memories")[0].n == 0

    def test_while_the_store_is_away_the_books_stay(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        said(workshop, "I am old.", days=40)
        write(workshop, {"keep_days": {"all": 30}})
        monkeypatch.setattr(type(workshop.store), "delete", lambda *_: store_down())
        with pytest.raises(VectorStoreUnavailable):
            run(workshop)
        assert workshop.rows("SELECT count(*) AS n FROM memories")[0].n == 1
        assert "memory_delete" not in workshop.audit_types()

    def test_sessions_live_as_long_as_their_policy_says(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("wants a window seat", "session")))
        write(workshop, {"keep_days": {"session": 2}})
        write(workshop, {"keep_days": {"session": 0}}, user="bob")
        for user in ("ann", "bob"):
            workshop.take_in(event("A window seat, please.", user=user, session_id="s"))
            workshop.extract_all()
        [ann, bob] = sorted(workshop.memories(kind="fact"), key=lambda each: each.user_id or "")
        assert ann.expires_at is not None
        assert (ann.expires_at - ann.created_at).days == 2
        assert bob.expires_at is None


def test_transcripts_and_audit_have_their_own_retention(workshop: Workshop) -> None:
    workshop.take_in(event("Hello there, I like tea."), event("Hello, I like milk.", user="bob"))
    workshop.rows("UPDATE conversations SET finished_at = now() - interval '3 days', status = 'done'")
    workshop.rows("UPDATE audit SET at = now() - interval '40 days'")
    write(workshop, {"transcript_days": 2, "audit_days": 30})
    write(workshop, {"transcript_days": 5, "audit_days": 0}, user="bob")
    workshop.house.upkeep.sweeps(workshop.broker).drop_transcripts()
    kept = "SELECT user_id FROM conversations WHERE turns IS NOT NULL ORDER BY id"
    assert [row.user_id for row in workshop.rows(kept)] == ["ann", "bob"], "policies have a say: the sweep leaves both"
    forecast = run(workshop, dry_run=True)
    assert {each.effect for each in forecast.counts} == {PolicyEffect.TRANSCRIPTS, PolicyEffect.AUDIT}
    before = len(workshop.audited("bob"))
    assert run(workshop).counts == forecast.counts
    assert [row.user_id for row in workshop.rows(kept)] == ["bob"]
    assert (workshop.audited(), len(workshop.audited("bob"))) == ([], before)
    told = workshop.rows("SELECT metadata->>'effect' AS effect FROM audit WHERE type = 'policy_apply' ORDER BY id")
    assert [row.effect for row in told] == ["transcripts", "audit"]


def test_an_effect_that_fails_holds_up_no_other(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    said(workshop, "I am old.", days=40)
    workshop.rows("UPDATE conversations SET finished_at = now() - interval '3 days', status = 'done'")
    write(workshop, {"keep_days": {"all": 30}, "transcript_days": 2})
    with monkeypatch.context() as patch:
        patch.setattr(type(workshop.store), "delete", lambda *_: store_down())
        with pytest.raises(VectorStoreUnavailable):
            workshop.house.policies.runs.apply_due()
    assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL") == []
    assert workshop.texts() == ["I am old."]
    # The hour is not done.
    workshop.house.policies.runs.apply_due()
    assert workshop.memories() == []


def test_what_waits_for_an_llm_goes_with_its_excerpts(open_workshop: OpenWorkshop) -> None:
    workshop = open_workshop(llm="none")
    workshop.take_in(event("I like tea."))
    write(workshop, {"keep_days": {"excerpt": 30}, "transcript_days": 1})
    workshop.rows("UPDATE conversations SET finished_at = now() - interval '20 days'")
    assert run(workshop).counts == ()
    workshop.rows("UPDATE conversations SET finished_at = now() - interval '40 days'")
    assert counted(run(workshop)) == {"transcripts": 1}


def test_a_user_cleans_up_what_is_old(workshop: Workshop, client: MemoryClient) -> None:
    said(workshop, "I was young.", "I had a dog.", days=40)
    said(workshop, "I am old.")
    said(workshop, "I am another.", user="bob", days=40)
    assert client.memories.cleanup("ann", 30, dry_run=True).removed == 2
    assert len(workshop.memories()) == 4
    gone = client.memories.cleanup("ann", 30, by="ann")
    assert (gone.removed, gone.more) == (2, False)
    assert workshop.texts() == ["I am another.", "I am old."]
    [row] = [row for row in workshop.audited() if row.type == "memory_delete"]
    assert (row.metadata["reason"], row.metadata["by"], row.result_count) == ("clean_up", "ann", 2)
    with pytest.raises(CommandFailed, match="denied"):
        client.memories.cleanup("ann", 30, by="bob")


def test_the_command_line_writes_shows_and_counts(
    client: MemoryClient, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)

    def told(*arguments: str) -> str:
        ran = CliRunner().invoke(app, ["policies", *arguments])
        assert ran.exit_code == 0, ran.output
        return ran.output

    assert "keep excerpt=30" in told("set", "--keep", "excerpt=30", "--user", "ann")
    assert "user ann: keep excerpt=30" in told("show")
    assert "in force: keep user.excerpt=30" in told("show", "--user", "ann")
    assert told("run", "--dry-run").endswith("0 things would go\n")
    assert client.policies.show(user_id="ann").rules.keep_days == {"excerpt": 30}
    assert CliRunner().invoke(app, ["policies", "set", "--keep", "all"]).exit_code == 2
