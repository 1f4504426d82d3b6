"""Time zones, and times that keep the offset of who spoke."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from afterword.schemas import ContextRequest, ConversationFinished
from afterword.schemas.wire import REPLY_PREFIX
from afterword.schemas.zones import in_zone, zone_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def event(**fields: Any) -> ConversationFinished:
    return ConversationFinished.parse({"user_id": "ada", "messages": [{"role": "user", "content": "hi"}], **fields})


def request(**fields: Any) -> ContextRequest:
    return ContextRequest.parse({"user_id": "ada", "reply_to": f"{REPLY_PREFIX}x", **fields})


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Asia/Shanghai", 8),
        ("America/Argentina/Buenos_Aires", -3),
        ("Europe/Berlin", 2),
        ("Etc/GMT-8", 8),
        ("+08:00", 8),
        ("-0330", -3.5),
        ("UTC+8", 8),
        ("GMT-05:00", -5),
        ("UTC", 0),
        ("Z", 0),
    ],
)
def test_a_name_or_an_offset(name: str, hours: float) -> None:
    zone = zone_of(name)
    assert zone is not None
    assert NOON.astimezone(zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "Asia",
        "../../etc/passwd",
        "/etc/localtime",
        "+25:00",
        "+15:00",
        "8",
        "a" * 300,
        "\x00",
        "É/É",
    ],
)
def test_what_is_no_time_zone(name: str) -> None:
    assert zone_of(name) is None


@pytest.mark.parametrize("odd", ["Mars/Olympus", "", 8, ["UTC"], "\ud83d", "Asia/Shanghai\x00"])
def test_an_odd_time_zone_costs_that_field(odd: Any) -> None:
    assert event(time_zone=odd).time_zone is None
    assert request(time_zone=odd).time_zone is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
        (timezone(timedelta(hours=9)), "UTC+09:00"),
    ],
)
def test_a_time_zone_may_be_given_as_python_holds_it(given: Any, name: str) -> None:
    assert (event(time_zone=given).time_zone, request(time_zone=given).time_zone) == (name, name)


def test_times_keep_their_offset_over_the_wire() -> None:
    sent = event(
        occurred_at=datetime(2026, 3, 5, 7, 30, tzinfo=ZoneInfo("Asia/Shanghai")),
        messages=[{"role": "user", "content": "hi", "created_at": "2026-03-05T07:29:00+08:00"}],
    )
    read = ConversationFinished.parse(json.loads(sent.model_dump_json()))
    assert read.occurred_at.isoformat() == "2026-03-05T07:30:00+08:00"
    assert [str(each.created_at) for each in read.messages] == ["2026-03-05 07:29:00+08:00"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-03-05T07:30:00Z", "2026-03-05T07:30:00+00:00"),
        ("2026-03-05T07:30:00-00:00", "2026-03-05T07:30:00+00:00"),
        ("2026-03-05T07:30:00+23:59", "2026-03-04T07:31:00+00:00"),
        (datetime(1900, 6, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai")), "1900-06-01T12:00:17+08:06"),
    ],
)
def test_an_offset_is_one_that_every_store_can_tell(given: Any, kept: str) -> None:
    assert event(occurred_at=given).occurred_at.isoformat() == kept


def test_only_what_is_told_in_utc_is_told_by_another_clock() -> None:
    berlin = zone_of("Europe/Berlin")
    assert in_zone(NOON, berlin).isoformat() == "2026-05-01T14:00:00+02:00"
    assert in_zone(NOON.replace(month=1), berlin).isoformat() == "2026-01-01T13:00:00+01:00"
    local = NOON.astimezone(timezone(timedelta(hours=8)))
    assert in_zone(local, berlin).isoformat() == local.isoformat()
    assert in_zone(NOON, None) is NOON
