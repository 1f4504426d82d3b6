"""Dead letters hold what anybody sent: shown, it steers no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.cli import deadletters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter, LetterHead, StoredLetter

STEERING = "\x1b]0;owned\x07\nforged line"


class _Letters:
    def heads(self, _which: Any) -> list[LetterHead]:
        return [LetterHead.of(self.get(7))]

    def get(self, number: int) -> StoredLetter:
        letter = DeadLetter(
            message_id="m",
            queue="conversations",
            error=f"refused: {STEERING}",
            body=STEERING.encode(),
            died_at=datetime(2026, 5, 1, tzinfo=UTC),
            tenant_id="acme",
            user_id=f"ann{STEERING}",
            event_id=STEERING,
        )
        return StoredLetter(number, letter)


@pytest.fixture(autouse=True)
def _letters(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened() -> Iterator[_Letters]:
        yield _Letters()

    monkeypatch.setattr(deadletters, "_letters", opened)


def test_a_list_has_one_line_a_letter_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    deadletters.list_letters()
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 1
    assert told.rstrip("\n").isprintable()


def test_a_letter_that_is_shown_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    deadletters.show(7)
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
