"""Partitions of the words: whose terms stand together in the lexical field."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from afterword.schemas import Kind, Scope
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.partitions import partition, partitioned
from afterword.workers.stores.vectors.payload import StoredMemory, to_payload

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OF_ANN = StoredMemory(
    id="cf6cf9a7-2b8b-4e2f-8e2f-0d9a0c0c5f3b",
    text="Ann drinks tea",
    scope=Scope.USER,
    kind=Kind.FACT,
    tenant_id="t",
    user_id="ann",
    occurred_at=NOON,
    created_at=NOON,
)


def test_owners_are_spread_over_all_partitions() -> None:
    counts = Counter(partition("t", f"user-{number}") for number in range(25_600))
    assert len(counts) == 256
    assert max(counts.values()) < 200


def test_the_same_name_of_two_tenants_is_two_owners() -> None:
    assert len({partition(f"tenant-{number}", "ann") for number in range(50)}) > 25
    assert partition("a", "bc") != partition("ab", "c")


@pytest.mark.parametrize(("terms", "held"), [("tea ann", "f0tea f0ann"), ("", ""), ("  茶 ", "f0茶")])
def test_every_term_carries_its_partition(terms: str, held: str) -> None:
    assert partitioned(terms, "f0") == held


@pytest.mark.parametrize(
    ("memory", "owner"),
    [
        (OF_ANN, UserOwner("t", "ann")),
        (replace(OF_ANN, kind=Kind.EXCERPT, agent_id="helper", session_id="s"), UserOwner("t", "ann")),
        (replace(OF_ANN, scope=Scope.SESSION, session_id="s"), SessionOwner("t", "ann", "s")),
        (replace(OF_ANN, scope=Scope.AGENT, user_id=None, agent_id="helper"), AgentOwner("t", "helper")),
    ],
)
def test_a_memory_is_written_where_its_owner_looks(memory: StoredMemory, owner: Owner) -> None:
    assert owner.owns(memory)
    assert set(to_payload(memory)[c.LEXICAL].split()) == {
        f"{owner.partition}{term}" for term in ("ann", "drink", "tea")
    }


def test_a_session_stands_with_its_user() -> None:
    assert SessionOwner("t", "ann", "s").partition == UserOwner("t", "ann").partition
