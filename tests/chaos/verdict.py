"""The end: waiting until all is quiet, then comparing sets. Each check returns what is wrong, in words."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import redis
from sqlalchemy import text

from afterword.schemas import ConversationFinished, Kind
from afterword.schemas.wire import Queue
from afterword.workers.broker import DeadMessage
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.core.turns import turns_of
from afterword.workers.services.upkeep.sweeps import letter_of
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload
from tests.chaos import aftermath, departures, publisher
from tests.chaos.city import City
from tests.chaos.expected import compare, expected
from tests.chaos.hostile import Fate, HostileMessage
from tests.chaos.story import LEAVER, Story
from tests.support.waiting import wait_until

_WAITING = """
    SELECT (SELECT count(*) FROM conversations WHERE status IN ('received', 'stored', 'extracting')) AS conversations,
           (SELECT count(*) FROM conversations WHERE turns IS NOT NULL AND excerpts_at IS NULL) AS without_excerpts,
           (SELECT count(*) FROM subjects WHERE due_at IS NOT NULL) AS due,
           (SELECT count(*) FROM subjects WHERE lease_until IS NOT NULL) AS claimed,
           (SELECT count(*) FROM journal) AS journalled,
           (SELECT count(*) FROM erasures WHERE finished_at IS NULL) AS erasures
"""
_EXTRACTED = """
    SELECT metadata->'events', metadata->'turns' FROM audit
    WHERE type = 'memory_save' AND metadata ? 'batch_id'
"""
_OF_THOSE_WHO_STAY = f"user_id <> '' AND user_id NOT LIKE '{LEAVER}%'"
"""Of users who may be erased, an answer may have been journalled and never written: what is left of it is nobody's."""
_ANSWERS = f"""
    SELECT user_id, extract(epoch FROM at) AS at FROM llm_calls
    WHERE outcome = 'ok' AND conversations > 0 AND {_OF_THOSE_WHO_STAY} ORDER BY id
"""
"""Without the harmless question that tells a turn that spoils its prompt from an outage: it is of no conversation."""
_BATCHES = f"""
    SELECT user_id, metadata->>'batch_id' FROM audit
    WHERE type = 'memory_save' AND metadata ? 'batch_id' AND {_OF_THOSE_WHO_STAY} ORDER BY id
"""
_MESSAGES_DEAD = "SELECT queue, message_id, error FROM dead_letters WHERE message_id NOT LIKE 'conversation:%'"
_KNOWN_KEYS = {f"afterword:{queue}.bell" for queue in Queue} | {
    "afterword:__heartbeats__",
    "afterword:__looks__",
    "afterword:__erasures__",
}
"""The keys that may stay in Redis for ever: bells of one token, the living workers, when a queue was last looked at,
and how often caches were to be dropped. Empty queues are no keys at all."""
_WOKEN_SECONDS = 2.0


def rows(city: City, query: str) -> list[Any]:
    """Rows of the ledger."""
    with city.database.transaction() as connection:
        return list(connection.execute(text(query)).all())


def statuses(city: City) -> dict[str, int]:
    """How many conversations ended how; nothing where PostgreSQL does not say."""
    try:
        with city.database.transaction() as connection:
            return conversations.counts(connection)
    except LedgerUnavailable:
        return {}


def wait_until_quiet(city: City, seconds: float) -> None:
    """Everything published, taken in, extracted and settled. Raises: AssertionError, when it does not come to that."""
    deadline = time.monotonic() + seconds
    wait_until(city.publisher.is_done, seconds, "the publisher to be done")
    while restless := [*aftermath.ended(city), *_restless(city)]:
        assert time.monotonic() < deadline, f"not quiet after {seconds:g} s: {restless}"
        time.sleep(0.2)


def _restless(city: City) -> list[str]:
    """The work that still waits."""
    try:
        waiting = dict(rows(city, _WAITING)[0]._mapping)
    except LedgerUnavailable as error:
        return [str(error)]
    with redis.Redis.from_url(city.redis.url) as client:
        keys = {key.decode() for key in client.scan_iter(count=1000)}
        lasting = [key for key in keys - _KNOWN_KEYS if client.ttl(key) == -1]
    return [f"{number} {name}" for name, number in waiting.items() if number] + sorted(lasting)


def problems(city: City, story: Story) -> list[str]:
    """Everything that is wrong at the end."""
    recorded = {row.event_id: row for row in rows(city, "SELECT * FROM conversations")}
    gone = departures.gone(city, story)
    everything = (*story.events, *city.hostile.events, *city.leavers.returned)
    events = [event for event in everything if event.event_id in recorded and event.event_id not in gone]
    wanted = expected(events, story.poison)
    stored = list(_stored(city))
    return [
        *_recorded_wrongly(city, recorded, gone),
        *_ended_wrongly(events, recorded, story.poison),
        *compare(wanted, stored).problems(),
        *_dead_wrongly(city, story.poison & recorded.keys()),
        *aftermath.left_in_redis(city),
        *aftermath.not_ready(city),
        *_journalled_wrongly(city),
        *_asked_again(city, stored),
        *_left_open(city),
        *departures.problems(city, story, gone),
        *aftermath.logged_wrongly(city),
        *aftermath.ended(city),
    ]


def _stored(city: City) -> Iterator[StoredMemory]:
    """Every point of the collection, whoever's."""
    offset: str | None = None
    while True:
        body = json.dumps({"limit": 1000, "offset": offset, "with_payload": True}).encode()
        url = f"{city.qdrant.url}/collections/memories/points/scroll"
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=60) as response:
            page = json.load(response)["result"]
        yield from (from_payload(point["id"], point["payload"]) for point in page["points"])
        offset = page["next_page_offset"]
        if offset is None:
            return


def _recorded_wrongly(city: City, recorded: dict[str, Any], gone: frozenset[str]) -> list[str]:
    folder = city.publisher.folder
    others = {event.event_id for event in (*city.hostile.events, *city.leavers.returned)}
    lost = (publisher.acknowledged(folder).read() | others) - recorded.keys() - gone
    invented = recorded.keys() - publisher.attempted(folder).read() - others
    twice = rows(city, "SELECT event_id FROM conversations GROUP BY event_id HAVING count(*) > 1")
    conflicts = rows(city, "SELECT event_id FROM audit WHERE type = 'conversation_conflict'")
    kept = recorded.keys() & gone
    named = {
        "acknowledged but lost": lost,
        "never published": invented,
        "recorded twice": twice,
        "other": conflicts,
        "of erased users": kept,
    }
    return [f"{len(found)} events {name}: {sorted(found)[:5]}" for name, found in named.items() if found]


def _ended_wrongly(events: list[ConversationFinished], recorded: dict[str, Any], poison: frozenset[str]) -> list[str]:
    holders = Counter(key for event in events for key in {(event.session_id, turn.text) for turn in turns_of(event)})

    def right(event: ConversationFinished) -> bool:
        status, reason = recorded[event.event_id].status, recorded[event.event_id].reason
        if event.event_id in poison:
            return bool(status == "dead")
        if status == "skipped":  # each of its turns is another's too
            others = all(holders[event.session_id, turn.text] > 1 for turn in turns_of(event))
            return bool(reason == "every turn was seen before" and others)
        return bool(status == "done")

    wrong = [(event.event_id, recorded[event.event_id].status) for event in events if not right(event)]
    return [f"{len(wrong)} conversations ended wrongly: {wrong[:5]}"] if wrong else []


def _dead_wrongly(city: City, poison: set[str] | frozenset[str]) -> list[str]:
    """The dead are the conversations that cannot be extracted and the hostile messages, and all of them are listed."""
    listed = [line.split("  ") for line in city.deployment.run("deadletters", "list").stdout.splitlines()]
    dead = sorted(line[4] for line in listed if line[2] == Queue.EXTRACTION and line[4] != "-")
    wrong = [] if dead == sorted(poison) else [f"dead letters are {dead}, not {sorted(poison)}"]
    hostile = {_letter_id(each): each for each in city.hostile.sent if each.fate is Fate.DEAD}
    letters = {(row.queue, row.message_id): row.error for row in rows(city, _MESSAGES_DEAD)}
    missing = [f"{each.kind}: {each.data[:200]!r}" for key, each in hostile.items() if key not in letters]
    others = [(key, letters[key]) for key in letters.keys() - hostile.keys()]
    if missing:
        wrong.append(f"{len(missing)} hostile messages are no dead letters: {missing[:5]}")
    if others:
        wrong.append(f"{len(others)} other messages are dead: {others[:5]}")
    if len(listed) != len(poison) + len(letters):
        wrong.append(f"{len(listed)} letters are listed of {len(poison)} conversations and {len(letters)} messages")
    return wrong


def _letter_id(message: HostileMessage) -> tuple[str, str]:
    letter = letter_of(message.queue, DeadMessage(message.redis_id, b"", datetime.now(UTC)))
    return letter.queue, letter.message_id


def _journalled_wrongly(city: City) -> list[str]:
    """Each answer that was journalled was written once, and no other was used."""
    used = [row[1] for row in rows(city, _BATCHES)]
    answered = len(rows(city, _ANSWERS))
    found = []
    if len(used) != len(set(used)):
        found.append("a batch was finished twice")
    if len(used) != answered:
        found.append(f"{answered} answers were journalled, {len(used)} written")
    again = _extracted_twice(city)
    if again:
        found.append(f"turns of {len(again)} conversations were extracted twice: {again[:5]}")
    added = rows(city, "SELECT memory_id FROM audit WHERE type = 'memory_add' GROUP BY memory_id HAVING count(*) > 1")
    return [*found, *([f"{len(added)} facts were counted twice"] if added else [])]


def _extracted_twice(city: City) -> list[str]:
    """The events of which a turn is in two batches. A batch that was halved may end within a conversation."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for events, turns in rows(city, _EXTRACTED):
        for event, (first, last) in zip(events, turns, strict=True):
            spans.setdefault(event, []).append((first, last))
    ordered = {event: sorted(found) for event, found in spans.items()}
    return [
        event for event, found in ordered.items() if any(earlier[1] > later[0] for earlier, later in pairwise(found))
    ]


def _asked_again(city: City, stored: list[StoredMemory]) -> list[str]:
    """No turn was asked about again once an answer about it was journalled.

    But by a worker that was paused between claim and call: it asks when it wakes, and its answer is refused.
    """
    journalled = _journalled_at(city, stored)
    late = [
        call
        for call in city.llm.calls
        if any(call.at > journalled[turn] for turn in call.asked if turn in journalled)
        and not any(0 <= call.at - woken < _WOKEN_SECONDS for woken in city.woken)
    ]
    return [f"{len(late)} calls asked about what was journalled: {late[:3]}"] if late else []


def _journalled_at(city: City, stored: list[StoredMemory]) -> dict[str, float]:
    """When the answer about each user's turn was journalled: a subject's batches and answers are in one order."""
    answers, batches = defaultdict(list), defaultdict(list)
    for row in rows(city, _ANSWERS):
        answers[row.user_id].append(float(row.at))
    for row in rows(city, _BATCHES):
        batches[row[0]].append(row[1])
    at = {batch: time for user in batches for batch, time in zip(batches[user], answers[user], strict=False)}
    added = rows(city, "SELECT memory_id, metadata->>'batch_id' FROM audit WHERE type = 'memory_add'")
    batch_of = {row[0]: row[1] for row in added}
    facts = [memory for memory in stored if memory.kind is Kind.FACT and memory.text.startswith("User said: ")]
    return {
        memory.text.removeprefix("User said: "): at[batch_of[memory.id]]
        for memory in facts
        if batch_of.get(memory.id) in at
    }


def _left_open(city: City) -> list[str]:
    open_breakers = rows(city, "SELECT reason FROM breakers WHERE open_until IS NOT NULL")
    return [f"the breaker is open: {open_breakers}"] if open_breakers else []
