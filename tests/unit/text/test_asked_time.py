"""The time a question asks about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.text.asked_time import asked_time, asks_when
from afterword.workers.text.periods import TimeSpan, closeness

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)  # a Friday
FOUR_MONTHS = timedelta(days=123)


BY_THE_CLOCK = [
    # In Shanghai it is the fifth of March, half past seven in the morning; in UTC it is still the fourth.
    ("what did I do yesterday?", "2026-03-03T16:00Z", "2026-03-04T16:00Z"),
    ("我昨天做了什么？", "2026-03-03T16:00Z", "2026-03-04T16:00Z"),
    ("What did I tell you today?", "2026-03-04T16:00Z", "2026-03-05T16:00Z"),
    ("meeting of 2026-03-01", "2026-02-28T16:00Z", "2026-03-01T16:00Z"),
]


@pytest.mark.parametrize(("question", "since", "until"), BY_THE_CLOCK)
@pytest.mark.parametrize("zone", [timezone(timedelta(hours=8)), ZoneInfo("Asia/Shanghai")])
def test_days_are_those_of_the_askers_calendar(question: str, since: str, until: str, zone: tzinfo) -> None:
    period = asked_time(question, datetime(2026, 3, 5, 7, 30, tzinfo=zone))
    assert period is not None
    slack = timedelta(hours=12)
    assert (period.since + slack, period.until - slack) == (
        datetime.fromisoformat(since),
        datetime.fromisoformat(until),
    )


def test_months_begin_by_the_askers_clock() -> None:
    """It is June already where the question is asked, and May in UTC."""
    period = asked_time("What did we do last month?", datetime(2026, 6, 1, 6, tzinfo=timezone(timedelta(hours=8))))
    assert period is not None
    assert datetime(2026, 5, 15, tzinfo=UTC) in period
    assert datetime(2026, 4, 15, tzinfo=UTC) not in period


def test_days_of_a_calendar_with_summer_time_begin_at_midnight() -> None:
    period = asked_time("yesterday", datetime(2026, 3, 30, 9, tzinfo=ZoneInfo("Europe/Berlin")))
    assert period is not None
    assert period.length == timedelta(hours=23 + 24), "clocks went forward, and half a day on each side"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# A moment that is meant, and one near it that is not.
ASKED = [
    ("what did I do yesterday?", "2026-11-19T18:00", "2026-11-17T18:00"),
    ("What did we talk about last night", "2026-11-19T21:00", "2026-11-17T21:00"),
    ("and the day before yesterday?", "2026-11-18T12:00", "2026-11-20T12:00"),
    ("what did I say this morning", "2026-11-20T08:00", "2026-11-18T08:00"),
    ("What did I cook last Tuesday?", "2026-11-17T19:00", "2026-11-10T19:00"),
    ("Where was I last Friday?", "2026-11-13T19:00", "2026-11-20T19:00"),
    ("what happened on Monday", "2026-11-16T12:00", "2026-11-09T12:00"),
    ("What did we decide last week?", "2026-11-11T12:00", "2026-11-18T12:00"),
    ("who visited me the week before last", "2026-11-04T12:00", "2026-11-11T12:00"),
    ("What did I do last weekend?", "2026-11-14T12:00", "2026-11-18T12:00"),
    ("where did I go over the weekend", "2026-11-15T12:00", "2026-11-18T12:00"),
    ("three days ago I told you something", "2026-11-17T12:00", "2026-11-20T12:00"),
    ("What was I worried about two weeks ago?", "2026-11-06T12:00", "2026-11-18T12:00"),
    ("what did I buy a couple of months ago", "2026-09-20T12:00", "2026-11-18T12:00"),
    ("what happened half a year ago", "2026-05-20T12:00", "2026-11-18T12:00"),
    ("a year ago, where did I live?", "2025-11-20T12:00", "2026-11-18T12:00"),
    ("what have I eaten in the past few days", "2026-11-18T12:00", "2026-11-10T12:00"),
    ("over the last two weeks, how did I sleep", "2026-11-08T12:00", "2026-10-30T12:00"),
    ("How have I been feeling lately?", "2026-11-10T12:00", "2026-08-10T12:00"),
    ("What did I do last May?", "2026-05-14T12:00", "2025-05-14T12:00"),
    ("Which trip did I take in March 2025?", "2025-03-20T12:00", "2026-03-20T12:00"),
    ("the January meeting", "2026-01-20T12:00", "2025-01-20T12:00"),
    ("What did I plan in December?", "2025-12-20T12:00", "2026-11-20T12:00"),
    ("March last year", "2025-03-20T12:00", "2026-03-20T12:00"),
    ("since March, what did I learn?", "2026-08-20T12:00", "2026-01-20T12:00"),
    ("after last May, where did I work?", "2026-08-20T12:00", "2026-04-20T12:00"),
    ("What happened on 3 June?", "2026-06-03T12:00", "2026-06-05T12:00"),
    ("on June 3rd, 2025, who called?", "2025-06-03T12:00", "2026-06-03T12:00"),
    ("the 24th of December", "2025-12-24T12:00", "2026-11-20T12:00"),
    ("meeting of 2025-03-14", "2025-03-14T12:00", "2025-03-17T12:00"),
    ("How did I spend this summer?", "2026-07-20T12:00", "2025-07-20T12:00"),
    ("what did we do in the summer of 2024", "2024-07-20T12:00", "2025-07-20T12:00"),
    ("Where did I ski last winter?", "2026-01-20T12:00", "2026-05-20T12:00"),
    ("30 February 2025", "2025-02-14T12:00", "2026-02-14T12:00"),
    ("What did I get at Christmas?", "2025-12-25T12:00", "2026-11-20T12:00"),
    ("who came for Easter 2025?", "2025-04-20T12:00", "2025-04-05T12:00"),
    ("where was I on New Year's Eve", "2025-12-31T12:00", "2026-01-20T12:00"),
    ("Where was I in the last week of September?", "2026-09-25T12:00", "2026-11-18T12:00"),
    ("What did we plan in Sept?", "2026-09-12T12:00", "2026-11-12T12:00"),
    ("Where was I on 29 February?", "2024-02-29T12:00", "2026-02-15T12:00"),
    ("2月29号我在哪", "2024-02-29T12:00", "2026-02-15T12:00"),
    ("what happened between February and August 2025", "2025-05-14T12:00", "2025-10-14T12:00"),
    ("from December to March, where was I?", "2026-01-14T12:00", "2026-05-14T12:00"),
    ("What did I buy last month?", "2026-10-15T12:00", "2026-11-15T12:00"),
    ("Where did I work last year?", "2025-06-15T12:00", "2026-06-15T12:00"),
    ("which city did I live in in 2023", "2023-06-15T12:00", "2024-06-15T12:00"),
    ("what's planned for next week", "2026-11-25T12:00", "2026-11-19T12:00"),
    ("我昨天说了什么？", "2026-11-19T12:00", "2026-11-17T12:00"),
    ("大前天我吃了什么", "2026-11-17T12:00", "2026-11-19T12:00"),
    ("昨晚我们聊了什么", "2026-11-19T21:00", "2026-11-17T21:00"),
    ("上周我见了谁", "2026-11-11T12:00", "2026-11-18T12:00"),
    ("我上週見了誰", "2026-11-11T12:00", "2026-11-18T12:00"),
    ("上上周的会议", "2026-11-04T12:00", "2026-11-11T12:00"),
    ("上周三做了什么", "2026-11-11T12:00", "2026-11-13T12:00"),
    ("星期一我说了什么", "2026-11-16T12:00", "2026-11-18T12:00"),
    ("周末我去哪儿了", "2026-11-14T12:00", "2026-11-18T12:00"),
    ("上个月买了什么", "2026-10-15T12:00", "2026-11-15T12:00"),
    ("三天前我告诉你的事", "2026-11-17T12:00", "2026-11-20T12:00"),
    ("两个星期以前", "2026-11-06T12:00", "2026-11-18T12:00"),
    ("十二年前我在哪", "2014-11-20T12:00", "2018-11-20T12:00"),
    ("半年前我在做什么", "2026-05-20T12:00", "2026-11-18T12:00"),
    ("最近三天睡得怎么样", "2026-11-18T12:00", "2026-11-10T12:00"),
    ("我最近心情如何", "2026-11-10T12:00", "2026-08-10T12:00"),
    ("去年五月我在哪里", "2025-05-14T12:00", "2026-05-14T12:00"),
    ("2025年3月的旅行", "2025-03-14T12:00", "2026-03-14T12:00"),
    ("二〇二五年三月五日", "2025-03-05T12:00", "2025-03-08T12:00"),
    ("６月３号谁打来电话", "2026-06-03T12:00", "2026-06-06T12:00"),
    ("三月以来学了什么", "2026-08-14T12:00", "2026-01-14T12:00"),
    ("去年夏天去了哪儿", "2025-07-14T12:00", "2026-07-14T12:00"),
    ("春节回老家了吗", "2026-02-17T12:00", "2026-04-17T12:00"),
    ("去年春节", "2025-01-29T12:00", "2026-02-17T12:00"),
    ("去年三月到五月我在哪儿", "2025-04-14T12:00", "2026-04-14T12:00"),
    ("2024年平安夜的前一天", "2024-12-23T12:00", "2026-11-18T12:00"),
    ("这几天吃得好吗", "2026-11-18T12:00", "2026-11-10T12:00"),
    ("国庆假期", "2026-10-03T12:00", "2026-10-20T12:00"),
    ("前年我住哪", "2024-06-14T12:00", "2025-06-14T12:00"),
    ("2023年我在哪工作", "2023-06-14T12:00", "2025-06-14T12:00"),
]

NO_TIME = [
    "",
    "   ",
    "When did I go to Paris?",
    "What is my daughter's name?",
    "May I ask you something?",
    "Where does June live?",
    "What do I do every Tuesday?",
    "What are my Thursday evenings for?",
    "When was the last time I saw Anna?",
    "What did I do before 2020?",
    "call me in 20 minutes, ok?",
    "March on!",
    "an essay of 2000 words",
    "99999 years ago",
    "我女儿叫什么名字？",
    "他什么时候毕业的",
    "我五年级的老师",
    "一周一次",
    "每周末我做什么",
    "2020年以前",
    "昨",
    "👩‍👩‍👧 🎄",
    "متى سافرت إلى باريس؟",
]  # fmt: skip


@pytest.mark.parametrize(("question", "meant", "not_meant"), ASKED)
def test_a_named_time_is_the_period_around_it(question: str, meant: str, not_meant: str) -> None:
    period = asked_time(question, NOW)
    assert period is not None
    assert at(meant) in period
    assert at(not_meant) not in period


@pytest.mark.parametrize("question", NO_TIME)
def test_a_question_about_no_particular_time_has_no_period(question: str) -> None:
    assert asked_time(question, NOW) is None


@pytest.mark.parametrize("question", [question for question, _, _ in ASKED if question.isascii()])
def test_case_and_length_do_not_matter(question: str) -> None:
    long = question + " x" * 50_000
    assert asked_time(question.upper(), NOW) == asked_time(question, NOW) == asked_time(long, NOW)


def test_a_question_at_the_end_of_a_long_text_is_read() -> None:
    assert asked_time("lorem " * 20_000 + "what did I say yesterday?", NOW) == asked_time("yesterday", NOW)


def test_so_long_ago_is_the_same_by_every_clock() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert asked_time("two hours ago", elsewhere) == asked_time("two hours ago", NOW)


@pytest.mark.parametrize(
    "question",
    [
        "When did I go to Paris?",
        "when's my birthday",
        "Since when do I work there?",
        "How long ago did we meet?",
        "How long have I lived in Rome",
        "what day is my appointment",
        "Which month did she move",
        "Do you remember when we met?",
        "我什么时候去的巴黎",
        "他什麼時候結婚",
        "哪天开会",
        "我学钢琴多久了",
        "他几月出生",
    ],
)
def test_asking_for_a_time_is_noticed(question: str) -> None:
    assert asks_when(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "What do I like to eat when it rains?",
        "When I'm tired, what helps?",
        "What did I do last May?",
        "我下雨的时候喜欢做什么",
        "昨天我做了什么",
        "他开几号线？",
        "🎄",
        "a whenever b",
    ],
)
def test_a_question_for_something_else_does_not_ask_for_a_time(question: str) -> None:
    assert not asks_when(question)


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))
ENGLISH_WORDS = (
    (
        "last",
        "this",
        "next",
        "the",
        "a",
        "two",
        "3",
        "31",
        "2024",
        "02",
        "days",
        "weeks",
        "month",
        "year",
        "ago",
        "May",
    ),
    ("March", "on", "in", "of", "since", "before", "after", "Friday", "weekend", "Christmas", "summer", "past", "from"),
    ("to", "between", "and"),
)
CHINESE_WORDS = (*"上下去年三五十个月日周前天?-春夏节后到", "以来", "春节")
WORDS = st.sampled_from([*(word for row in ENGLISH_WORDS for word in row), *CHINESE_WORDS])


@given(st.lists(WORDS, max_size=8), MOMENTS)
def test_a_period_is_never_empty_and_always_in_utc(words: list[str], now: datetime) -> None:
    for text in (" ".join(words), "".join(words)):
        period = asked_time(text, now)
        if period is not None:
            assert period.since < period.until
            assert period.since.tzinfo is period.until.tzinfo is UTC


@given(st.text(max_size=200), MOMENTS)
def test_any_text_can_be_asked(text: str, now: datetime) -> None:
    assert asked_time(text, now) is None or asks_when(text) in (True, False)


@given(MOMENTS)
def test_what_was_is_not_in_the_future(now: datetime) -> None:
    for question in (
        "yesterday",
        "last week",
        "last May",
        "last summer",
        "in March",
        "two months ago",
        "去年",
        "上周五",
    ):
        period = asked_time(question, now)
        assert period is not None
        assert period.since < now


@given(MOMENTS)
def test_the_last_of_a_month_is_within_a_year(now: datetime) -> None:
    period = asked_time("last May", now)
    assert period is not None
    assert now - timedelta(days=366) - FOUR_MONTHS < period.since
    assert period.until - timedelta(days=4) <= now


PERIODS = st.builds(
    lambda since, length: TimeSpan(since, since + length),
    MOMENTS,
    st.timedeltas(timedelta(minutes=1), timedelta(days=4000)),
)


@given(PERIODS, st.floats(0, 0.999))
def test_within_a_period_closeness_is_one(period: TimeSpan, share: float) -> None:
    assert closeness(period, period.since + period.length * share) == 1.0


@given(PERIODS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=1000)))
def test_closeness_falls_with_the_distance(period: TimeSpan, moment: datetime, more: timedelta) -> None:
    nearer, farther = (
        closeness(period, moment),
        closeness(
            period, moment + more if moment >= period.until else moment - more if moment < period.since else moment
        ),
    )
    assert 0 <= farther <= nearer <= 1


@given(PERIODS)
def test_a_length_away_closeness_is_a_half(period: TimeSpan) -> None:
    assert closeness(period, period.since - period.length) == pytest.approx(0.5)
    assert closeness(period, period.until + period.length) == pytest.approx(0.5)
