from __future__ import annotations

import redis

from afterword.producers.backoff import Backoff
from afterword.producers.respite import SILENCES, Respite
from afterword.schemas.errors import CommandFailed, MemoryUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Respite, Clock]:
    clock = Clock()
    return Respite(backoff=Backoff(chance=lambda: 0.0), clock=clock), clock


def silence(respite: Respite, count: int = 1) -> None:
    for _ in range(count):
        respite.note_silence(respite.now())


def test_some_bad_luck_pauses_nothing() -> None:
    respite, _ = opened()
    silence(respite, SILENCES - 1)
    assert respite.may_ask(0.5)
    respite.note_answer()
    silence(respite, SILENCES - 1)
    assert respite.may_ask(0.5)


def test_after_silences_in_a_row_one_probes_when_the_pause_is_over() -> None:
    respite, clock = opened()
    silence(respite, SILENCES)
    assert not respite.may_ask(0.5)
    clock.now += 0.11
    assert respite.may_ask(0.5)
    assert not respite.may_ask(0.5), "one at a time"
    respite.note_answer()
    assert respite.may_ask(0.5)
    assert respite.may_ask(0.5)


def test_pauses_grow_and_begin_anew_after_an_answer() -> None:
    respite, clock = opened()
    silence(respite, SILENCES)
    pauses = []
    for _ in range(8):
        begun = clock.now
        while not respite.may_ask(0.0):
            clock.now += 0.01
        pauses.append(clock.now - begun)
        silence(respite)
    assert [round(pause, 1) for pause in pauses] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    respite.note_answer()
    silence(respite, SILENCES)
    clock.now += 0.11
    assert respite.may_ask(0.5)


def test_those_asked_together_are_one_silence() -> None:
    respite, clock = opened()
    for _ in range(SILENCES):
        assert respite.may_ask(0.5)
        asked_at = respite.now()
        clock.now += 0.5
        for _ in range(64):
            respite.note_silence(asked_at)
    assert not respite.may_ask(0.5)
    clock.now += 0.11
    assert respite.may_ask(0.5)


def test_a_probe_that_is_never_heard_of_again_is_followed_by_another() -> None:
    respite, clock = opened()
    silence(respite, SILENCES)
    clock.now += 0.11
    assert respite.may_ask(0.5)
    clock.now += 0.51
    assert respite.may_ask(0.5)


def test_a_refusal_is_an_answer_and_an_outage_of_redis_is_neither() -> None:
    respite, clock = opened()
    for _ in range(SILENCES):
        respite.note_failure(redis.ConnectionError("away"), clock.now)
    assert respite.may_ask(0.5)
    for error in (MemoryUnavailable("silence"), MemoryUnavailable("silence"), CommandFailed("internal", "odd")):
        respite.note_failure(error, clock.now)
    respite.note_failure(MemoryUnavailable("silence"), clock.now)
    assert respite.may_ask(0.5)


def test_a_pause_is_no_longer_than_it_may_be() -> None:
    clock = Clock()
    respite = Respite(backoff=Backoff(chance=lambda: 0.0, longest=0.5), clock=clock)
    silence(respite, SILENCES)
    for _ in range(10):
        clock.now += 0.51
        assert respite.may_ask(timeout=0.1)
        clock.now += 0.1
        silence(respite)
