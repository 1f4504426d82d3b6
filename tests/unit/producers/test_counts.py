"""Clients tell how publishing fared: each thing once, whatever becomes of the event that tells it."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from afterword.producers.outbox import Parcel
from afterword.producers.parcels import parcel_of
from afterword.producers.publish_state import PublishState
from afterword.producers.settings import ClientSettings
from afterword.schemas import ConversationFinished

NAMES = ("sent", "dropped", "invalid")


def delivery(outbox_messages: int = 3) -> PublishState:
    return PublishState(ClientSettings(outbox_messages=outbox_messages), user="producer")


def parcel(number: int, counts: Counter[str]) -> Parcel:
    return Parcel(event_id=f"e{number}", key=f"k{number}", commands=(), size=10, counts=counts)


def test_nothing_happened_nothing_to_tell() -> None:
    assert delivery().take_counts() == Counter()


def test_each_thing_is_told_once() -> None:
    fared = delivery()
    fared.note_sent([parcel(1, Counter()), parcel(2, Counter())])
    fared.count_refused(1, Counter())
    assert fared.take_counts() == {"sent": 2, "invalid": 1}
    assert fared.take_counts() == Counter()
    fared.note_sent([parcel(3, Counter())])
    assert fared.take_counts() == {"sent": 1}


def test_an_invalid_event_leaves_its_counts_to_the_next() -> None:
    fared = delivery()
    fared.note_sent([parcel(1, Counter())])
    fared.count_refused(1, fared.take_counts())
    assert fared.take_counts() == {"sent": 1, "invalid": 1}


def test_what_a_dropped_event_would_have_told_goes_with_a_later_one() -> None:
    fared = delivery(outbox_messages=1)
    fared.note_sent([parcel(1, Counter())])
    fared.hold([parcel(2, fared.take_counts())])
    fared.hold([parcel(3, fared.take_counts())])  # drops the second
    assert fared.take_counts() == {"sent": 1, "dropped": 1}


def test_one_that_was_dropped_and_arrived_after_all_is_not_told_twice() -> None:
    fared = delivery(outbox_messages=1)
    fared.note_sent([parcel(1, Counter())])
    under_way = parcel(2, fared.take_counts())
    fared.hold([under_way])
    fared.hold([parcel(3, Counter())])
    late = fared.take_counts()
    assert late == {"sent": 1, "dropped": 1}
    fared.note_sent_later([under_way])  # and with it its own counts
    assert fared.take_counts() == Counter()
    fared.note_sent([parcel(number, Counter()) for number in range(10, 13)])
    fared.hold([parcel(number, Counter()) for number in range(20, 22)])
    # Two were dropped of late, of which one was told before.
    assert fared.take_counts() == {"sent": 3, "dropped": 1}


@given(st.lists(st.sampled_from(["publish", "away", "back", "invalid"]), max_size=60))
def test_what_arrives_adds_up_to_what_happened(story: list[str]) -> None:
    fared, away, told = delivery(), False, Counter[str]()
    for number, step in enumerate(story):
        if step == "invalid":
            fared.count_refused(1, fared.take_counts())
        elif step == "publish":
            sent = parcel(number, fared.take_counts())
            if away:
                fared.hold([sent])
            else:
                fared.note_sent([sent])
                told.update(sent.counts)
        away = step == "away" or (away and step != "back")
        if not away:
            waiting = fared.outbox.batch()
            fared.note_sent_later(waiting)
            for each in waiting:
                told.update(each.counts)
    told.update(fared.take_counts())
    for each in fared.outbox.batch():
        told.update(each.counts)
    stats = fared.stats()
    assert (told["sent"], told["dropped"], told["invalid"]) == (stats.sent, stats.dropped, stats.invalid)
    assert set(+told) <= set(NAMES)


def event(messages: int = 1) -> ConversationFinished:
    said = [{"role": "user", "content": f"message {number}"} for number in range(messages)]
    return ConversationFinished.parse({"user_id": "ada", "event_id": "e", "messages": said})


def bodies(sent: Parcel) -> list[dict[str, object]]:
    return [json.loads(command[3])["args"][0] for command in sent.commands if command[0] == "HSET"]


def test_the_first_part_of_an_oversize_event_tells() -> None:
    parts = bodies(parcel_of(event(5), ClientSettings(max_messages=2), Counter(sent=2)))
    assert [part.get("publishes") for part in parts] == [
        {"sent": 2, "dropped": 0, "invalid": 0},
        None,
        None,
    ]


def test_an_event_says_nothing_of_what_did_not_happen() -> None:
    assert "publishes" not in bodies(parcel_of(event(), ClientSettings()))[0]
