"""Analytics over real stores: what is counted, when, for whom, and what is told of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    DeleteMemory,
    GetOverview,
    GetUserAnalytics,
    Overview,
    UserAnalytics,
)
from afterword.workers.actors.context import query_event
from afterword.workers.actors.requests import error_body
from afterword.workers.core.errors import AnalyticsOff, Denied
from afterword.workers.core.messages import QueryEvent, QueryEvents
from afterword.workers.services.analytics import telemetry
from afterword.workers.services.analytics.snapshots import Snapshots
from afterword.workers.services.analytics.telemetry import QueryLog
from afterword.workers.stores.ledger.analytics import rollups, statistics
from afterword.workers.stores.ledger.analytics.statistics import Delta
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones
from afterword.workers.stores.vectors.admin import StoreAdmin
from tests.fixtures.workshops import OpenWorkshop
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.waiting import wait_until
from tests.support.workshop import NOON, REPLY_TO, Workshop, event, question, store_down

TODAY = datetime.now(UTC)


def run(workshop: Workshop, command: type[Any], **fields: Any) -> Any:
    return workshop.house.commands.commands(workshop.broker).run(command(reply_to=REPLY_TO, **fields))


def query(user: str = "ann", at: datetime = TODAY, **more: Any) -> QueryEvent:
    fields = {"query_length": 5, "result_length": 40, "result_count": 2, "relevance": 0.5, "seconds": 0.01}
    return QueryEvent(tenant_id="default", user_id=user, at=at, **{**fields, **more})


def record(workshop: Workshop, *events: QueryEvent, batch_id: str | None = None) -> None:
    batch = QueryEvents(batch_id=batch_id or str(uuid4()), events=events)
    telemetry.record(workshop.database, workshop.house.memories.books, batch)


def day_rows(workshop: Workshop, columns: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in workshop.rows(f"SELECT {columns} FROM daily_statistics ORDER BY user_id, day, agent_id")
    ]


class TestMetadata:
    def test_every_kind_of_memory_has_a_row_and_none_says_what_it_says(
        self, workshop: Workshop, llm: FakeOpenAI
    ) -> None:
        llm.answer_with(given(Fact("Ann plays the cello"), Fact("Be brief", "agent"), Fact("Drills today", "session")))
        labels = {"source": "phone", "category": "music", "tags": "cello, strings"}
        workshop.take_in(event("I play the cello.", agent_id="coach", session_id="s1", event_id="e1", metadata=labels))
        workshop.extract_all()
        run(workshop, AddMemory, user_id="ann", text="Ann is left-handed", metadata={"category": "body"})
        rows = workshop.rows("SELECT * FROM memories ORDER BY kind, scope")
        assert [(row.kind, row.scope, row.user_id, row.agent_id, row.session_id) for row in rows] == [
            ("excerpt", "user", "ann", "coach", "s1"),
            ("fact", "agent", None, "coach", None),
            ("fact", "session", "ann", "coach", "s1"),
            ("fact", "user", "ann", "coach", None),
            ("note", "user", "ann", None, None),
        ]
        assert {(row.source, row.category, tuple(row.tags)) for row in rows[:4]} == {
            ("phone", "music", ("cello", "strings"))
        }
        assert (rows[4].source, rows[4].category, rows[4].text_length) == ("hand", "body", len("Ann is left-handed"))
        assert {row.embedding_model.split("/")[0] for row in rows} == {"hashing"}
        assert {row.language for row in rows} == {"en"}
        assert rows[2].expires_at is not None
        assert {str(row.id) for row in rows} == {memory.id for memory in workshop.memories()}
        assert not any("cello" in str(value) for row in rows for value in row._mapping.values() if value != row.tags)

    def test_labels_that_are_texts_are_not_kept(self, workshop: Workshop) -> None:
        long = "I never told anybody that " * 10
        run(workshop, AddMemory, user_id="ann", text="x", metadata={"category": long, "source": 7, "tags": long})
        [row] = workshop.rows("SELECT source, category, tags FROM memories")
        assert (row.source, row.tags) == ("hand", [])
        assert row.category != long

    def test_what_is_delivered_again_is_saved_and_counted_once(self, workshop: Workshop) -> None:
        said = event("I play the cello.", event_id="e1")
        workshop.take_in(said)
        workshop.rows("UPDATE conversations SET excerpts_at = NULL")
        workshop.take_in(said)
        assert workshop.audit_types().count("memory_save") == 1
        [(added,)] = [row for row in day_rows(workshop, "added") if row[0]]
        assert added == 1

    def test_rows_go_with_their_memories(self, workshop: Workshop) -> None:
        kept = run(workshop, AddMemory, user_id="ann", text="kept")
        gone = run(workshop, AddMemory, user_id="ann", text="gone")
        run(workshop, DeleteMemory, user_id="ann", memory_id=gone.id)
        assert [str(row.id) for row in workshop.rows("SELECT id FROM memories")] == [kept.id]
        assert day_rows(workshop, "user_id, added, deleted") == [("ann", 2, 1)]

    def test_a_row_goes_once_however_often_the_store_refuses(self, workshop: Workshop) -> None:
        gone = run(workshop, AddMemory, user_id="ann", text="gone")
        workshop.store.before["delete_where"] = store_down
        assert run(workshop, DeleteMemory, user_id="ann", memory_id=gone.id).pending
        workshop.store.up()
        workshop.house.upkeep.forgetting.complete_deletions()
        assert workshop.rows("SELECT id FROM memories") == []
        assert day_rows(workshop, "deleted") == [(1,)]
        assert workshop.texts() == []

    def test_an_expired_memory_takes_its_row_along_and_is_audited(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI
    ) -> None:
        workshop = open_workshop(session_ttl=0.5)
        llm.answer_with(given(Fact("for good"), Fact("for now", "session")))
        workshop.take_in(event("Hello.", session_id="s1"))
        workshop.extract_all()
        threading.Event().wait(0.6)
        workshop.house.upkeep.expiry.drop_expired_memories()
        assert [row.scope for row in workshop.rows("SELECT scope FROM memories WHERE kind = 'fact'")] == ["user"]
        expired = workshop.audited()[-1]
        assert (expired.type, expired.result_count, expired.metadata) == ("memory_delete", 1, {"reason": "expired"})
        assert sum(row[0] for row in day_rows(workshop, "deleted")) == 1


class TestQueries:
    def test_a_batch_that_comes_again_is_recorded_once(self, workshop: Workshop) -> None:
        batch_id = str(uuid4())
        for _ in range(2):
            record(workshop, query(), query(), batch_id=batch_id)
        assert workshop.audit_types().count("memory_query") == 2
        assert day_rows(workshop, "searches") == [(2,)]

    def test_copies_of_a_batch_at_once_are_recorded_once(self, workshop: Workshop) -> None:
        batch_id = str(uuid4())
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: record(workshop, query(), batch_id=batch_id), range(4)))
        assert day_rows(workshop, "searches") == [(1,)]

    def test_batches_of_the_same_users_in_any_order_do_not_wait_for_each_other(self, workshop: Workshop) -> None:
        users = [f"user-{number}" for number in range(30)]

        def send(number: int) -> None:
            record(workshop, *(query(user) for user in (users if number % 2 else users[::-1])))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, range(20)))
        assert day_rows(workshop, "searches") == [(20,)] * 30

    def test_an_event_counts_on_the_utc_day_of_its_own_time(self, workshop: Workshop) -> None:
        midnight = datetime(2026, 3, 1, tzinfo=UTC)
        east = datetime.fromisoformat("2026-03-01T01:30:00+02:00")
        record(
            workshop,
            query(at=midnight - timedelta(microseconds=1)),
            query(at=midnight),
            query(at=midnight + timedelta(hours=23, minutes=59, seconds=59)),
            query(at=east),
        )
        assert day_rows(workshop, "day, searches") == [(date(2026, 2, 28), 2), (date(2026, 3, 1), 2)]
        first = workshop.rows("SELECT at FROM audit ORDER BY id")[0]
        assert first.at == midnight - timedelta(microseconds=1)
        [seen] = workshop.rows("SELECT first_active_on, last_active_on FROM user_statistics")
        assert tuple(seen) == (date(2026, 2, 28), date(2026, 3, 1))

    def test_the_session_time_zone_of_the_server_does_not_matter(self, workshop: Workshop) -> None:
        late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
        record(workshop, query(at=late))
        with workshop.database.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'Pacific/Kiritimati'")
            rollups.roll_up_hours(connection, late)
            rollups.roll_up_content(connection, late.date())
        assert day_rows(workshop, "day") == [(date(2026, 3, 1),)]
        assert [row.hour for row in workshop.rows("SELECT hour FROM hourly_statistics")] == [late.replace(minute=0)]

    def test_success_is_told_of_those_who_could_find_something(self, workshop: Workshop) -> None:
        record(
            workshop,
            query(),  # found
            query(result_count=0, relevance=None),  # has memories, none given
            query(degraded=("embedder",)),  # given, but degraded
            query(gate_passed=False, result_count=0, relevance=None),  # small talk
            query("bob", has_memories=False, result_count=0, relevance=None),
        )
        figures = "eligible_searches, successful_searches, searches, relevance_count"
        assert day_rows(workshop, f"user_id, {figures}") == [
            ("ann", 3, 1, 4, 2),
            ("bob", 0, 0, 1, 0),
        ]

    def test_words_are_kept_only_where_that_was_opted_in(self, workshop: Workshop) -> None:
        asked = question("What about my cello?", agent_id="coach")
        told = query_event(asked, workshop.house.recall.answerer.answer(asked))
        assert told.query_length == len("What about my cello?")
        for keep_words, kept in ((False, None), (True, "What about my cello?")):
            sent: list[QueryEvents] = []
            log = QueryLog(send=sent.append, metrics=workshop.house.metrics, keep_words=keep_words)
            log.add(told)
            log.start()
            log.stop()
            [batch] = sent
            assert batch.events[0].query == kept
            assert ("cello" in batch.model_dump_json()) is keep_words
            record(workshop, *batch.events)
        assert [row.query for row in workshop.rows("SELECT query FROM audit ORDER BY id")] == [
            None,
            "What about my cello?",
        ]
        assert "cello" not in str(workshop.rows("SELECT metadata FROM audit"))

    def test_hashes_tell_repeated_queries_of_a_tenant(self, workshop: Workshop) -> None:
        def hashed(words: str | None, tenant: str = "default") -> str | None:
            asked = question(words, tenant_id=tenant)
            return query_event(asked, workshop.house.recall.answerer.answer(asked)).query_hash

        assert hashed("my  cello") == hashed("my cello") != hashed("my harp")
        assert hashed("my cello") != hashed("my cello", "other")
        assert hashed(None) is None

    def test_nothing_is_counted_with_analytics_off_and_memories_work(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(analytics=False)
        workshop.take_in(event("I play the cello."))
        workshop.extract_all()
        assert workshop.texts()
        assert len(workshop.rows("SELECT 1 FROM memories")) == len(workshop.memories())
        assert workshop.rows("SELECT 1 FROM daily_statistics") == []
        assert workshop.rows("SELECT 1 FROM user_statistics") == []
        with pytest.raises(AnalyticsOff) as off:
            run(workshop, GetOverview)
        assert error_body(off.value).code == "unavailable"

    def test_what_the_gate_said_and_whether_there_were_memories_is_told(self, workshop: Workshop) -> None:
        def told(words: str | None, user: str = "ann") -> tuple[bool, bool, bool]:
            asked = question(words, user=user)
            event = query_event(asked, workshop.house.recall.answerer.answer(asked))
            return event.gate_passed, event.has_memories, event.relevance is not None

        workshop.take_in(event("I play the cello in a quartet."))
        assert told("Which instrument do I play, the cello?") == (True, True, True)
        assert told(None)[0] is False
        assert told("Which instrument do I play, the cello?", "bob")[1] is False


class TestClearing:
    def test_nothing_names_a_cleared_user_and_sums_stay(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", agent_id="coach"), event("Bob here.", user="bob"))
        record(workshop, query(agent_id="coach", query="my cello"), query("bob"))
        before = workshop.rows("SELECT sum(added) a, sum(searches) s, sum(conversations) c FROM daily_statistics")
        run(workshop, ClearMemories, user_id="ann")
        after = workshop.rows("SELECT sum(added) a, sum(searches) s, sum(conversations) c FROM daily_statistics")
        assert after == before
        for table in ("memories", "daily_statistics", "user_statistics"):
            assert workshop.rows(f"SELECT 1 FROM {table} WHERE user_id = 'ann'") == []
            assert workshop.rows(f"SELECT 1 FROM {table} WHERE user_id = 'bob'") != []
        assert workshop.rows("SELECT 1 FROM audit WHERE query IS NOT NULL") == []
        [nobodys] = workshop.rows("SELECT sum(deleted) deleted FROM daily_statistics WHERE user_id = ''")
        assert nobodys.deleted == 1

    def test_clearing_a_session_leaves_the_others(self, workshop: Workshop) -> None:
        workshop.take_in(event("one", session_id="s1"), event("two", session_id="s2"))
        record(workshop, query(session_id="s1", query="first"), query(session_id="s2", query="second"))
        run(workshop, ClearMemories, user_id="ann", session_id="s1")
        assert [row.session_id for row in workshop.rows("SELECT session_id FROM memories")] == ["s2"]
        assert [row.query for row in workshop.rows("SELECT query FROM audit WHERE query IS NOT NULL")] == ["second"]
        assert sum(row[0] for row in day_rows(workshop, "deleted")) == 1
        assert len(workshop.rows("SELECT 1 FROM user_statistics WHERE user_id = 'ann'")) == 1

    def test_queries_of_before_a_clear_that_arrive_after_it_are_not_written(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        asked = query(at=datetime.now(UTC) - timedelta(seconds=1), query="my cello")
        run(workshop, ClearMemories, user_id="ann")
        record(workshop, asked)
        assert "memory_query" not in workshop.audit_types()
        assert workshop.rows("SELECT 1 FROM daily_statistics WHERE user_id = 'ann'") == []
        record(workshop, query(at=datetime.now(UTC) + timedelta(seconds=1)))
        assert workshop.audit_types().count("memory_query") == 1

    def test_excerpts_in_flight_leave_no_rows(self, workshop: Workshop) -> None:
        workshop.store.after["insert"] = lambda: run(workshop, ClearMemories, user_id="ann")
        workshop.take_in(event("I play the cello."))
        assert workshop.memories() == []
        assert workshop.rows("SELECT 1 FROM memories") == []
        assert workshop.rows("SELECT 1 FROM daily_statistics WHERE user_id = 'ann'") == []


def snapshots_of(workshop: Workshop, seconds: float = 300) -> Snapshots:
    return Snapshots(database=workshop.database, admin=StoreAdmin(workshop.store), interval=timedelta(seconds=seconds))


class TestSnapshots:
    def test_figures_of_each_tenant_and_of_all_beside_the_store_s(self, workshop: Workshop) -> None:
        workshop.take_in(event("one"), event("two", user="bob"), event("three", tenant_id="other"))
        [someone] = workshop.memories(text="two")
        workshop.store.delete([someone.id])
        assert snapshots_of(workshop).take()
        rows = workshop.rows("SELECT * FROM snapshots ORDER BY tenant_id")
        assert [(row.tenant_id, row.memories, row.stored, row.difference) for row in rows] == [
            ("", 3, 2, -1),
            ("default", 2, 1, -1),
            ("other", 1, 1, 0),
        ]
        assert [(row.users, row.waiting_conversations) for row in rows] == [(3, 3), (2, 2), (1, 1)]
        assert (rows[0].dimensions, rows[1].dimensions) == (128, None)
        assert rows[0].ledger_bytes > 0

    def test_an_empty_system_has_figures_too(self, workshop: Workshop) -> None:
        assert snapshots_of(workshop).take()
        [row] = workshop.rows("SELECT * FROM snapshots")
        assert (row.tenant_id, row.memories, row.stored, row.difference) == ("", 0, 0, 0)

    def test_a_slot_is_taken_once_by_however_many(self, workshop: Workshop) -> None:
        workshop.take_in(event("one"))
        takers = [snapshots_of(workshop, 86_400) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(Snapshots.take, takers)) == [False, False, False, True]
        assert not takers[0].take()
        assert len(workshop.rows("SELECT 1 FROM snapshots WHERE tenant_id = 'default'")) == 1
        assert [tuple(row) for row in workshop.rows("SELECT memories, characters FROM content_statistics")] == [(1, 3)]

    def test_the_next_slot_is_taken_again(self, workshop: Workshop) -> None:
        snapshots = snapshots_of(workshop, 1)
        assert snapshots.take()
        wait_until(snapshots.take, what="the next slot")
        assert len(workshop.rows("SELECT 1 FROM snapshots")) == 2

    def test_without_the_store_its_figures_are_empty(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workshop.store, "size", store_down)
        workshop.take_in(event("one"))
        assert snapshots_of(workshop).take()
        [row] = workshop.rows("SELECT memories, stored, difference FROM snapshots WHERE tenant_id = 'default'")
        assert tuple(row) == (1, None, None)

    def test_content_and_storage_follow_what_is_there(self, workshop: Workshop) -> None:
        first = run(workshop, AddMemory, user_id="ann", text="x" * 60)
        run(workshop, AddMemory, user_id="ann", text="早上好，我喜欢喝茶")
        snapshots = snapshots_of(workshop, 1)
        assert snapshots.take()
        found = workshop.rows("SELECT language, length, memories, characters FROM content_statistics ORDER BY length")
        assert [(row.length, row.memories, row.characters) for row in found] == [(50, 1, 9), (100, 1, 60)]
        assert found[0].language == "zh"
        assert tuple(workshop.rows("SELECT memories, characters FROM user_statistics")[0]) == (2, 69)
        run(workshop, DeleteMemory, user_id="ann", memory_id=first.id)
        wait_until(snapshots.take, what="the next slot")
        assert [row.length for row in workshop.rows("SELECT length FROM content_statistics")] == [50]
        assert tuple(workshop.rows("SELECT memories, characters FROM user_statistics")[0]) == (1, 9)

    def test_a_rolled_up_hour_is_what_its_rows_add_up_to_however_often(self, workshop: Workshop) -> None:
        hour = datetime(2026, 3, 1, 10, tzinfo=UTC)
        record(
            workshop,
            query(at=hour, seconds=0.01, agent_id="coach"),
            query(at=hour + timedelta(minutes=59, seconds=59), seconds=0.03, agent_id="coach", relevance=0.7),
            query(at=hour + timedelta(hours=1), degraded=("embedder",), relevance=None),
        )
        columns = "hour, agent_id, searches, successful_searches, degraded_searches, memories_given, slowest_search"
        for _ in range(2):
            with workshop.database.transaction() as connection:
                rollups.roll_up_hours(connection, hour + timedelta(minutes=30))
            rows = workshop.rows(
                f"SELECT {columns}, search_seconds, relevance_sum FROM hourly_statistics ORDER BY hour"
            )
            assert [tuple(row)[:7] for row in rows] == [
                (hour, "coach", 2, 2, 0, 4, 0.03),
                (hour + timedelta(hours=1), "", 1, 0, 1, 2, 0.01),
            ]
            assert (rows[0].search_seconds, rows[0].relevance_sum) == pytest.approx((0.04, 1.2))


class TestFigures:
    def test_a_tenant_counted_by_hand(self, workshop: Workshop) -> None:
        for user in ("ann", "bob"):
            run(workshop, AddMemory, user_id=user, text=f"{user}'s")
        gone = run(workshop, AddMemory, user_id="ann", text="gone")
        run(workshop, DeleteMemory, user_id="ann", memory_id=gone.id)
        run(workshop, AddMemory, user_id="eve", text="elsewhere", tenant_id="other")
        now = datetime.now(UTC)
        record(
            workshop,
            query(at=now, seconds=0.01, relevance=0.4),
            query(at=now, seconds=0.03, relevance=None, result_count=0),
            query("bob", at=now, seconds=0.02, relevance=0.8),
            query("old", at=now - timedelta(days=3), has_memories=False, seconds=0.02, result_count=0, relevance=None),
            query(
                "older", at=now - timedelta(days=20), gate_passed=False, seconds=0.02, result_count=0, relevance=None
            ),
            query("oldest", at=now - timedelta(days=40), seconds=9.0, result_count=0, relevance=None),
        )
        snapshots_of(workshop).take()
        told: Overview = run(workshop, GetOverview)
        assert (told.memories, told.stored, told.difference, told.users) == (2, 2, 0, 5)
        assert (told.active_users.day, told.active_users.week, told.active_users.month) == (2, 3, 4)
        assert (told.period.added, told.period.deleted, told.period.searches) == (3, 1, 5)
        assert told.period.success_rate == pytest.approx(2 / 3)
        assert told.period.average_seconds == pytest.approx(0.1 / 5)
        assert told.period.average_relevance == pytest.approx(0.6)
        assert told.growth is None
        week: Overview = run(workshop, GetOverview, days=7)
        assert week.period.searches == 4
        assert run(workshop, GetOverview, days=1).period.searches == 3
        # Rolled-up days and the live one, each day once.
        today = told.as_of.date()
        assert [(today - each.day).days for each in told.daily] == [20, 3, 0]
        assert [(each.added, each.deleted, each.searches) for each in told.daily] == [(0, 0, 1), (0, 0, 1), (3, 1, 3)]
        assert [each.day for each in week.daily] == [each.day for each in told.daily[1:]]
        assert run(workshop, GetOverview, tenant_id="other").memories == 1

    def test_growth_is_told_against_what_there_was_before(self, workshop: Workshop) -> None:
        for number in range(4):
            run(workshop, AddMemory, user_id="ann", text=f"number {number}")
        workshop.rows("UPDATE daily_statistics SET day = day - 60")
        run(workshop, AddMemory, user_id="ann", text="new")
        assert run(workshop, GetOverview).growth == pytest.approx(0.25)

    def test_a_user_counted_by_hand(self, workshop: Workshop) -> None:
        now = datetime.now(UTC)
        workshop.take_in(event("I play the cello.", occurred_at=now - timedelta(days=2)))
        run(workshop, AddMemory, user_id="ann", text="tea", by="ann")
        record(workshop, query(at=now, seconds=0.01), query(at=now - timedelta(days=2), seconds=0.03), query("bob"))
        told: UserAnalytics = run(workshop, GetUserAnalytics, user_id="ann", by="ann")
        assert (told.memories, told.memories_by_kind) == (2, {"excerpt": 1, "note": 1})
        assert told.characters == len("I play the cello.") + len("tea")
        assert (told.active_days, told.conversations, told.period.searches) == (2, 1, 2)
        assert told.period.average_seconds == pytest.approx(0.02)
        assert told.first_active_on == (now - timedelta(days=2)).date()

    def test_of_a_user_never_seen_all_is_nothing(self, workshop: Workshop) -> None:
        told: UserAnalytics = run(workshop, GetUserAnalytics, user_id="nobody")
        assert (told.memories, told.active_days, told.period.success_rate) == (0, 0, None)
        assert told.first_active_on is None

    def test_figures_of_another_user_are_denied(self, workshop: Workshop) -> None:
        with pytest.raises(Denied):
            run(workshop, GetUserAnalytics, user_id="ann", by="bob")

    def test_old_conversations_make_nobody_active_today(self, workshop: Workshop) -> None:
        workshop.take_in(event("long ago", occurred_at=NOON - timedelta(days=300)))
        told: Overview = run(workshop, GetOverview)
        assert (told.users, told.active_users.month, told.period.added) == (1, 0, 1)


class TestRetention:
    def test_what_is_old_goes_and_what_is_not_stays(self, workshop: Workshop) -> None:
        now = datetime.now(UTC)
        record(workshop, query("old", at=now - timedelta(days=100)), query(at=now))
        deltas = [
            Delta(tenant_id="default", user_id="ann", day=(now - timedelta(days=age)).date(), searches=1)
            for age in (500, 300)
        ]
        with workshop.database.transaction() as connection:
            statistics.add(connection, deltas)
        for hours, age in ((1, 45), (2, 45), (1, 500), (1, 3), (2, 3)):
            slot = now.replace(hour=hours, minute=0, second=0, microsecond=0) - timedelta(days=age)
            workshop.rows("INSERT INTO snapshots (slot, tenant_id) VALUES (:slot, 'default')", slot=slot)
        workshop.rows("INSERT INTO telemetry_batches VALUES (:id, now() - interval '8 days')", id=str(uuid4()))
        workshop.take_in(event("kept"))
        assert workshop.house.analytics.retention.clean_up()
        assert [row.user_id for row in workshop.rows("SELECT user_id FROM audit WHERE type = 'memory_query'")] == [
            "ann"
        ]
        ages = sorted((now.date() - row[0]).days for row in day_rows(workshop, "day"))
        assert 300 in ages
        assert 500 not in ages
        left = workshop.rows("SELECT slot FROM snapshots ORDER BY slot")
        assert sorted(row.slot.astimezone(UTC).hour for row in left) == [1, 2, 2]
        assert len(workshop.rows("SELECT 1 FROM telemetry_batches")) == 1
        assert "conversation_received" in workshop.audit_types()

    def test_it_is_done_once_a_day(self, workshop: Workshop) -> None:
        assert workshop.house.analytics.retention.clean_up()
        assert not workshop.house.analytics.retention.clean_up()
        with workshop.database.transaction() as connection:
            connection.exec_driver_sql("UPDATE milestones SET reached = reached - interval '1 day'")
        assert workshop.house.analytics.retention.clean_up()

    def test_an_hour_that_came_late_is_in_the_rollup_afterwards(self, workshop: Workshop) -> None:
        late = datetime.now(UTC) - timedelta(hours=20)
        snapshots_of(workshop).take()
        record(workshop, query(at=late))
        workshop.house.analytics.retention.clean_up()
        assert [row.searches for row in workshop.rows("SELECT searches FROM hourly_statistics")] == [1]


class TestMilestones:
    def test_each_is_reached_once_and_none_goes_back(self, database: Database) -> None:
        def reach(at: datetime) -> bool:
            with database.transaction() as connection:
                return milestones.reach(connection, "work", at)

        assert [reach(NOON), reach(NOON), reach(NOON - timedelta(hours=1)), reach(NOON + timedelta(hours=1))] == [
            True,
            False,
            False,
            True,
        ]

    def test_what_was_claimed_by_one_who_failed_is_claimed_again(self, database: Database) -> None:
        def fail() -> None:
            with database.transaction() as connection:
                assert milestones.reach(connection, "work", NOON)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with database.transaction() as connection:
            assert milestones.reached(connection, "work") is None
            assert milestones.reach(connection, "work", NOON)
