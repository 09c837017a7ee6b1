"""Moments of the virtual world: milliseconds since 1970 in UTC, days in Asia/Shanghai.

China has kept UTC+8 without summer time since 1991, so the whole world is integer arithmetic
and never asks the machine for its clock, its time zone or its locale.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar

import numpy as np

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
OFFSET_MS = 8 * HOUR_MS
# later than everything: "never happens"
NEVER_MS = 2**62
SHANGHAI = timezone(timedelta(hours=8))
_EPOCH = date(1970, 1, 1)
Number = TypeVar("Number", int, np.ndarray)


def midnight_ms(day: date) -> int:
    """The first millisecond of a Shanghai day."""
    return (day - _EPOCH).days * DAY_MS - OFFSET_MS


def day_number(moment_ms: Number) -> Number:
    """Shanghai days since 1970-01-01; works on arrays too."""
    return (moment_ms + OFFSET_MS) // DAY_MS


def day_start_ms(number: Number) -> Number:
    """The first millisecond of a numbered Shanghai day; works on arrays too."""
    return number * DAY_MS - OFFSET_MS


def date_of(moment_ms: int) -> date:
    """The Shanghai day a moment falls in."""
    return _EPOCH + timedelta(int(day_number(moment_ms)))


def date_of_number(number: int) -> date:
    """The day behind a day number."""
    return _EPOCH + timedelta(int(number))


def number_of_date(day: date) -> int:
    """The number of a day: days since 1970-01-01."""
    return (day - _EPOCH).days


def to_ms(moment: datetime) -> int:
    """Milliseconds of an aware datetime."""
    return round(moment.timestamp() * 1000)


def iso(moment_ms: int) -> str:
    """ISO 8601 with the Shanghai offset, to the second."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).astimezone(SHANGHAI).isoformat()
