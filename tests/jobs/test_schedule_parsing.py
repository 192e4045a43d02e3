"""What is a schedule, and what is not."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from jobs.schedule import (
    PERIODS,
    Crontab,
    Interval,
    UnreadableScheduleError,
    parse_schedule,
    parsing,
    words,
)


@pytest.mark.parametrize(
    "expression", ["0 3 * * *", "*/15 * * * 1-5", "0,30 8-18/2 1 1,7 0", "59 23 31 12 6"]
)
def test_a_crontab_line_is_read_and_written_alike(expression: str) -> None:
    schedule = parse_schedule({"crontab": expression, "timezone": "Europe/Berlin"})
    assert isinstance(schedule, Crontab)
    assert schedule.to_dict() == {"crontab": expression, "timezone": "Europe/Berlin"}


_PARTS = st.one_of(
    st.just("*"),
    st.integers(0, 59).map(str),
    st.integers(1, 99).map("*/{}".format),
    st.tuples(st.integers(0, 59), st.integers(0, 59)).map("{0[0]}-{0[1]}".format),
    st.tuples(st.integers(0, 59), st.integers(1, 99)).map("{0[0]}/{0[1]}".format),
    st.tuples(st.integers(0, 59), st.integers(0, 59), st.integers(1, 99)).map(
        "{0[0]}-{0[1]}/{0[2]}".format
    ),
)


@given(minute=st.lists(_PARTS, min_size=1, max_size=3).map(",".join))
def test_what_is_read_celery_understands(minute: str) -> None:
    try:
        schedule = parse_schedule({"crontab": f"{minute} * * * *"})
    except UnreadableScheduleError:
        return
    assert isinstance(schedule, Crontab)
    fires = sorted(crontab(minute=schedule.minute).minute)
    assert set(fires) <= set(range(60))
    said = words.in_words(schedule)
    if said.startswith("every"):
        step = int(said.split()[1])
        assert fires == list(range(0, 60, step))
        assert 60 % step == 0


@given(every=st.integers(1, 10_000), period=st.sampled_from(PERIODS))
def test_an_interval_is_read_and_written_alike(every: int, period: str) -> None:
    schedule = parse_schedule({"every": every, "period": period})
    assert isinstance(schedule, Interval)
    assert parse_schedule(schedule.to_dict()) == schedule


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"crontab": "0 3 * *"},
        {"crontab": "60 3 * * *"},
        {"crontab": "0 3 0 * *"},
        {"crontab": "0 3 * * 7"},
        {"crontab": "*/0 * * * *"},
        {"crontab": "5/10 * * * *"},
        {"crontab": "5-3 * * * *"},
        {"crontab": "; rm * * * *"},
        {"crontab": "0 3 * * *", "timezone": "Mars/Olympus"},
        {"crontab": "0 3 * * *", "every": 1},
        {"every": 0, "period": "hours"},
        {"every": True, "period": "hours"},
        {"every": "6", "period": "hours"},
        {"every": 6, "period": "fortnights"},
        {"every": 6},
    ],
)
def test_what_is_no_schedule_is_refused_with_a_reason(value: dict[str, Any]) -> None:
    with pytest.raises(UnreadableScheduleError, match=r"\w"):
        parse_schedule(value)


def test_the_examples_in_the_docs_hold() -> None:
    assert doctest.testmod(parsing).failed == 0
    assert doctest.testmod(words).failed == 0
