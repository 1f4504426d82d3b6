"""Deletions that are asked for and not carried out yet are hidden from every reader of the process."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from afterword.workers.services.memories.pending_deletions import PendingDeletions
from afterword.workers.stores.ledger import deletions
from afterword.workers.stores.ledger.deletions import Deletion
from afterword.workers.stores.vectors.payload import StoredMemory


def test_one_that_is_noted_while_the_list_is_read_stays_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def transaction() -> Any:
        yield None

    found = PendingDeletions(cast(Any, SimpleNamespace(transaction=transaction)))
    wanted = SimpleNamespace(tenant_id="acme", memory_ids=("m",), everything=False)
    asked = cast(Deletion, SimpleNamespace(id=7, wanted=wanted, requested_at=datetime.now(UTC)))
    memory = cast(StoredMemory, SimpleNamespace(id="m", tenant_id="acme"))

    def read_before_it_was_recorded(*_: object, **__: object) -> list[Deletion]:
        found.note(asked)
        return []

    monkeypatch.setattr(deletions, "pending", read_before_it_was_recorded)
    found.read()
    assert found.hides(memory)

    monkeypatch.setattr(deletions, "pending", lambda *_, **__: [])
    found.read()
    assert not found.hides(memory), "the next reading would have found it"
