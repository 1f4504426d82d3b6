"""By whose clock a conversation is told. Pure.

A time with an offset of its own keeps it. One in UTC may only be how a program writes times: it is told by the clock of
the event's time zone, else by the offset of another time of the event, else by the zone known of the user or the agent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo

from afterword.schemas import ConversationFinished
from afterword.schemas.zones import in_zone, zone_of


def told_locally(event: ConversationFinished, known: Iterable[str | None] = ()) -> ConversationFinished:
    """The event with its times by the speaker's clock. `known` are the zones to try if it names none, best first.

    >>> event = ConversationFinished(user_id="ada", messages=[{"role": "user", "content": "hi"}],
    ...                              occurred_at="2026-03-04T23:30Z", time_zone="Asia/Shanghai")
    >>> told_locally(event).occurred_at.isoformat()
    '2026-03-05T07:30:00+08:00'
    """
    zone = _zone(event, known)
    if zone is None:
        return event
    messages = tuple(
        each.model_copy(update={"created_at": in_zone(each.created_at, zone)}) if each.created_at else each
        for each in event.messages
    )
    return event.model_copy(update={"occurred_at": in_zone(event.occurred_at, zone), "messages": messages})


def at_offset(time: datetime, minutes: int) -> datetime:
    """The instant by a clock that is so many minutes ahead of UTC."""
    return time.astimezone(timezone(timedelta(minutes=minutes)))


def offset_minutes(time: datetime) -> int:
    """How many minutes the clock of a time is ahead of UTC."""
    return round((time.utcoffset() or timedelta(0)).total_seconds() / 60)


def _zone(event: ConversationFinished, known: Iterable[str | None]) -> tzinfo | None:
    named = zone_of(event.time_zone)
    if named is not None:
        return named
    times = (event.occurred_at, *(each.created_at for each in event.messages))
    # An offset of zero says nothing: it may only be how a program writes times.
    told = next((time.tzinfo for time in times if time is not None and time.utcoffset()), None)
    return told or next((zone for name in known if (zone := zone_of(name)) is not None), None)
