"""The strikes: the kinds of strikes, and a shuffled deck of them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.city import LLM_TIMEOUT, PAUSE, City, Slot

_END_SECONDS = 60.0
"""Far above the grace: machines may be busy."""


@dataclass(frozen=True)
class Strike:
    """A kind of strike at a target: a server, any worker, or a role; `times` it is in a deck.

    A strike at a worker is given one, by chance.
    """

    name: str
    target: str
    times: int
    run: Callable[[City, Slot], None]


def _kill_worker(_: City, slot: Slot) -> None:
    slot.worker.kill()
    slot.restart()


def _stop_worker(_: City, slot: Slot) -> None:
    slot.worker.process.send_signal(signal.SIGTERM)
    try:
        slot.worker.process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        log = slot.worker.log.read_text()[-1500:]
        raise AssertionError(f"{slot.role} did not end within {_END_SECONDS:g} s of SIGTERM:\n{log}") from None
    slot.restart()


def _pause_worker(city: City, slot: Slot) -> None:
    slot.worker.process.send_signal(signal.SIGSTOP)
    time.sleep(PAUSE)
    city.woken.append(time.time())
    slot.worker.process.send_signal(signal.SIGCONT)


def _kill_redis(city: City, _: Slot) -> None:
    city.redis.kill()
    city.redis.start()


def _stall_redis(city: City, _: Slot) -> None:
    process = city.redis.pid or 0
    os.kill(process, signal.SIGSTOP)
    time.sleep(3)
    os.kill(process, signal.SIGCONT)


def _restart_postgres(city: City, _: Slot) -> None:
    city.postgres.stop()
    city.postgres.start()


def _kill_postgres(city: City, _: Slot) -> None:
    city.postgres.kill()
    city.postgres.start()


def _hide_qdrant(city: City, _: Slot) -> None:
    city.qdrant.pause()
    time.sleep(2)
    city.qdrant.resume()


def _hang_llm(city: City, _: Slot) -> None:
    city.llm.hang(LLM_TIMEOUT + 1)


def _revoke_key(city: City, _: Slot) -> None:
    city.llm.revoked = True
    time.sleep(3)
    city.llm.revoked = False


def _kill_publisher(city: City, _: Slot) -> None:
    if not city.publisher.is_done():
        city.publisher.kill()
        city.publisher.start()


def _put_hostile_messages(city: City, _: Slot) -> None:
    city.hostile.put_some()


def _erase_a_user(city: City, _: Slot) -> None:
    city.leavers.erase_one()


_ERASED = Strike("user erased", "person", 2, _erase_a_user)
_EARLY = 3
"""The place in a run of the first erasure: a short run has one, and time for who comes back."""

# A worker that ended takes seconds to be back: more deaths than this, and a small machine does nothing but start them.
KINDS = (
    Strike("SIGKILL of a worker", "worker", 6, _kill_worker),
    Strike("SIGSTOP past the lease, SIGCONT", "extraction", 3, _pause_worker),
    Strike("SIGTERM of a worker", "worker", 1, _stop_worker),
    Strike("Redis killed", "redis", 1, _kill_redis),
    Strike("Redis stalled", "redis", 2, _stall_redis),
    Strike("PostgreSQL restarted", "postgres", 1, _restart_postgres),
    Strike("PostgreSQL killed", "postgres", 1, _kill_postgres),
    Strike("vector store unreachable", "qdrant", 3, _hide_qdrant),
    Strike("LLM hung", "llm", 2, _hang_llm),
    Strike("key revoked", "llm", 2, _revoke_key),
    Strike("publisher killed", "publisher", 3, _kill_publisher),
    Strike("hostile messages", "hostile", 4, _put_hostile_messages),
    _ERASED,
)


def deck(chance: random.Random) -> Iterator[Strike]:
    """Every kind as often as it is in the deck, in an order of chance; then again."""
    cards = [kind for kind in KINDS for _ in range(kind.times)]
    while True:
        chance.shuffle(cards)
        cards.insert(_EARLY, cards.pop(cards.index(_ERASED)))
        yield from cards


def strike(city: City, done: Counter[str], *, seed: int, seconds: float) -> None:
    """A strike a second, each counted in `done`; returns when all are over. Raises: AssertionError, as a strike did."""
    chance = random.Random(seed)
    targets = {kind.target: threading.Lock() for kind in KINDS}
    running: list[Future[None]] = []
    ends = time.monotonic() + seconds
    with ThreadPoolExecutor(32, thread_name_prefix="strike") as pool:
        for kind in deck(chance):
            slot = chance.choice([slot for slot in city.slots if kind.target in ("worker", slot.role)] or city.slots)
            lock = slot.lock if kind.target in ("worker", slot.role) else targets[kind.target]
            running.append(pool.submit(_one, kind, city, slot, lock))
            done[kind.name] += 1
            time.sleep(1)
            if time.monotonic() >= ends:
                break
    for each in running:
        each.result()


def _one(kind: Strike, city: City, slot: Slot, lock: threading.Lock) -> None:
    with lock:  # one strike at a time at each target
        kind.run(city, slot)
