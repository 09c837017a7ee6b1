from datetime import UTC, date, datetime, time

import pytest

from siyu.calendar import (
    at,
    business_date,
    days,
    is_holiday,
    moment_text,
    parse_date,
    parse_moment,
    start_of,
)
from siyu.clock import cycle_of, day_of
from siyu.errors import UsageError


def test_a_business_day_turns_at_midnight_in_shanghai():
    assert business_date(datetime(2026, 4, 30, 15, 59, tzinfo=UTC)) == date(2026, 4, 30)
    assert business_date(datetime(2026, 4, 30, 16, 0, tzinfo=UTC)) == date(2026, 5, 1)


def test_a_day_starts_at_four_in_the_afternoon_utc_of_the_day_before():
    assert start_of(date(2026, 5, 1)) == datetime(2026, 4, 30, 16, tzinfo=UTC)
    assert at(date(2024, 2, 29), time(10, 30)) == datetime(2024, 2, 29, 2, 30, tzinfo=UTC)


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(UsageError, match="no time zone"):
        business_date(datetime(2026, 5, 1))  # noqa: DTZ001 - the point of the test
    with pytest.raises(UsageError, match="no time zone"):
        parse_moment("2026-05-01T10:00")


def test_a_bare_date_means_the_morning_cycle_of_that_day():
    assert parse_moment("2026-05-01") == datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
    assert parse_moment("2026-05-01T10:30+08:00") == parse_moment("2026-05-01")


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "2026-5-1"])
def test_what_is_not_a_day_says_how_to_write_one(text):
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        parse_date(text)


def test_what_is_not_a_moment_says_how_to_write_one():
    with pytest.raises(UsageError, match="write it like"):
        parse_moment("tomorrow at noon")


def test_a_moment_is_shown_as_it_is_typed():
    for text in ("2026-04-13T10:30+08:00", "2026-04-13T10:30:07+08:00"):
        assert moment_text(parse_moment(text)) == text
    assert moment_text(parse_moment("2026-04-13")) == "2026-04-13T10:30+08:00"


def test_days_include_both_ends():
    assert days(date(2026, 2, 27), date(2026, 3, 1)) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert days(date(2026, 3, 1), date(2026, 2, 28)) == []


def test_may_day_is_a_holiday_and_a_moved_saturday_is_a_working_day():
    assert is_holiday(date(2026, 5, 1))
    assert is_holiday(date(2026, 5, 4))
    assert not is_holiday(date(2026, 5, 9)), "Saturday worked in exchange for May Day"


def test_a_year_without_a_notice_falls_back_on_weekends():
    assert is_holiday(date(2190, 1, 2))  # a Saturday
    assert not is_holiday(date(2190, 1, 1))


def test_the_cycle_of_a_day_is_its_next_morning_and_back():
    assert cycle_of(date(2026, 4, 30)) == datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
    assert day_of(cycle_of(date(2026, 4, 30))) == date(2026, 4, 30)
