from __future__ import annotations

from typing import Any, cast

import pytest
import redis

from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.wire import REPLY_TTL_MS
from afterword.workers.actors.answer_times import AnswerTimes
from afterword.workers.actors.context import seconds_needed
from afterword.workers.actors.requests import Responder
from afterword.workers.broker import ServerClock
from afterword.workers.services.recall.answering import Answer, RelevanceVerdict

NOW_MS = 1_000_000
REPLY_TO = "afterword:reply:0f6c2a8f6a1a4a2f8a57a35c9a0f7d53"


def test_most_answers_need_no_more_than_is_expected_and_old_ones_are_forgotten() -> None:
    now = [0.0]
    times = AnswerTimes(clock=lambda: now[0])
    for number in range(100):
        times.note(number / 100)
    assert 0.9 <= times.expected <= 0.95
    now[0] = 11.0
    assert times.expected == 0.0
    times.note(0.2)
    assert times.expected == 0.2


def answer(total: float, embed: float = 0.0, *degraded: str) -> Answer:
    seconds = {"embed": embed, "total": total}
    return Answer(ContextReply(degraded=degraded), seconds, RelevanceVerdict.PASSED, has_memories=True)


def test_an_answer_needs_what_it_took_and_the_embedders_share() -> None:
    assert seconds_needed(answer(0.3, 0.04), 0.5) == pytest.approx(0.3)
    assert seconds_needed(answer(0.05, 0.04), 0.5) == pytest.approx(0.1)
    assert seconds_needed(answer(0.05, 0.04), None) == pytest.approx(0.1)


def test_one_that_lacks_something_needs_more_than_it_had() -> None:
    assert seconds_needed(answer(0.05, 0.04, "embedder"), 0.1) == pytest.approx(0.125)
    assert seconds_needed(answer(0.05, 0.0, "memory_off"), 0.1) == pytest.approx(0.05)


class FixedClock:
    def now_ms(self) -> int:
        return NOW_MS


class Client:
    """Takes replies."""

    def __init__(self) -> None:
        self.sent = 0
        self.kept_ms = list[int]()

    def pipeline(self, **_: object) -> Client:
        return self

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def rpush(self, *_: object) -> None:
        self.sent += 1

    def pexpire(self, _: str, kept_ms: int) -> None:
        self.kept_ms.append(kept_ms)

    def execute(self) -> None:
        pass


class Asked:
    """Runs requests, and counts those that were read and those that were run."""

    def __init__(self, expected: float) -> None:
        self.client = Client()
        self.responder = Responder(cast("redis.Redis", self.client), cast("ServerClock", FixedClock()))
        self.responder.times.note(expected)
        self.read = 0

    def outcome(self, left_ms: int, waited_ms: int | None) -> str:
        body = {"user_id": "ada", "reply_to": REPLY_TO, "deadline_ms": NOW_MS + left_ms}
        asked_ms = None if waited_ms is None else NOW_MS - waited_ms
        return self.responder.answer(body, self._parse, lambda _: ContextReply(), asked_ms=asked_ms)

    def _parse(self, body: Any) -> ContextRequest:
        self.read += 1
        return ContextRequest.parse(body)


def test_what_cannot_be_answered_in_time_is_dropped_before_any_work() -> None:
    asked = Asked(expected=0.1)
    assert asked.outcome(left_ms=99, waited_ms=401) == "expired"
    assert asked.outcome(left_ms=-5, waited_ms=505) == "expired"
    assert (asked.read, asked.client.sent) == (0, 0)
    assert asked.outcome(left_ms=120, waited_ms=380) == "ok"
    assert (asked.read, asked.client.sent) == (1, 1)


def test_whoever_has_waited_less_than_half_of_their_time_is_tried_for() -> None:
    """However slow answers were: else nothing would be answered after an outage, and nobody would notice its end."""
    asked = Asked(expected=30.0)
    assert asked.outcome(left_ms=260, waited_ms=240) == "ok"
    assert asked.outcome(left_ms=240, waited_ms=260) == "expired"


def test_requests_that_change_something_are_only_late_at_their_deadline() -> None:
    asked = Asked(expected=30.0)
    assert asked.outcome(left_ms=1, waited_ms=None) == "ok"
    assert asked.outcome(left_ms=-1, waited_ms=None) == "expired"


def test_a_request_whose_deadline_is_no_number_is_refused_as_ever() -> None:
    responder = Asked(expected=30.0).responder
    body = {"user_id": "ada", "reply_to": REPLY_TO, "deadline_ms": "soon"}
    assert responder.answer(body, ContextRequest.parse, lambda _: ContextReply(), asked_ms=NOW_MS) == "invalid"


def test_redis_keeps_a_reply_little_longer_than_its_asker_waits() -> None:
    asked = Asked(expected=0.1)
    for left_ms in (500, 20, 10**9):
        assert asked.outcome(left_ms=left_ms, waited_ms=None) == "ok"
    assert asked.client.kept_ms == [1_495, 1_015, REPLY_TTL_MS]
