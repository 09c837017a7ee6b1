"""A reporting triangle from a CSV file, in days, weeks, months or years."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd

from siyu.errors import UsageError
from siyu.nowcast.triangle import from_increments, triangles

COLUMNS = ("reference_date", "delay", "count")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Period:
    """What one step of the delay is.

    Attributes:
        name: day, week, month or year.
        number: the period a date lies in, counted from an epoch.
        first_date: the date that period begins with, of the same rhythm as the file's dates.
    """

    name: str
    number: Callable[[date], int]
    first_date: Callable[[int], date]


@dataclass(frozen=True)
class ReadTriangle:
    """A triangle as it was known on a date, its periods numbered as consecutive days.

    Attributes:
        arrivals: the arrival history that `nowcast` takes.
        keys: its key columns.
        as_of: the day that stands for the period of the date asked for.
        number: that period's number.
        period: what the numbers mean.
        last: the newest reference date of the file that is not after as_of.
        longest_delay: the longest delay that was known.
    """

    arrivals: pd.DataFrame
    keys: list[str]
    as_of: date
    number: int
    period: Period
    last: date
    longest_delay: int

    def learnt_final_delay(self) -> int:
        """The delay by which 99.9 % of what is counted so far has arrived."""
        learnt = triangles(self.arrivals, self.as_of, self.keys, is_complete=True)
        return max(1, learnt[0].final_delay)

    def dated(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of `nowcast` with the file's own dates, none after its last one."""
        numbers = [(day - _EPOCH).days for day in rows["event_date"]]
        dates = [self.period.first_date(number) for number in numbers]
        rows = rows.rename(columns={"event_date": "reference_date"})
        rows["reference_date"] = dates
        return rows[rows["reference_date"] <= self.last]


def read_triangle(path: Path | str, as_of: date | None = None) -> ReadTriangle:
    """Read reference_date, delay, count (new reports at that delay); more columns name series.

    Dates that all lie a whole number of weeks, months or years apart make a triangle of weeks,
    months or years: `delay` then counts those.

    Args:
        path: the file.
        as_of: reports after it are dropped; None: the newest report of the file.

    Raises:
        UsageError: the file has not these columns, or what is in them is not dates and numbers.
    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The triangle cannot be read ({error})", where=str(path), action="give a CSV file"
        ) from None
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise UsageError(
            f"The triangle has no column {', '.join(missing)}",
            where=str(path),
            action="give reference_date, delay and count = new reports at that delay",
        )
    try:
        dates = [date.fromisoformat(str(text)[:10]) for text in frame["reference_date"]]
        delays = pd.to_numeric(frame["delay"])
        frame["count"] = pd.to_numeric(frame["count"])
    except ValueError as error:
        raise UsageError(
            f"The triangle has a value that is no date or number ({error})",
            where=str(path),
            action="write dates as YYYY-MM-DD, delay and count as numbers",
        ) from None
    if frame.empty or (delays < 0).any() or (delays % 1 != 0).any():
        raise UsageError(
            "The triangle has no rows, or a delay that is not 0, 1, 2, ...",
            where=str(path),
            action="leave out what was reported before its date, count delays from 0",
        )
    period = _period(sorted(set(dates)))
    frame["reference_date"] = [period.number(day) for day in dates]
    frame["delay"] = delays.astype(int)
    newest = int((frame["reference_date"] + frame["delay"]).max())
    end = period.number(as_of) if as_of else newest
    last = int(frame["reference_date"].clip(upper=end).max())
    arrivals, keys = from_increments(frame, end)
    if arrivals.empty:
        raise UsageError(
            f"The triangle has no report up to {as_of}", where=str(path), action="ask a later date"
        )
    longest = int(arrivals["delay_days"].max())
    arrivals["event_date"] = [_EPOCH + timedelta(int(n)) for n in arrivals["event_date"]]
    return ReadTriangle(
        arrivals, keys, _EPOCH + timedelta(end), end, period, period.first_date(last), longest
    )


def _period(dates: list[date]) -> Period:
    steps = [(b - a).days for a, b in pairwise(dates)]
    if len(dates) >= 3 and len({day.day for day in dates}) == 1 and min(steps) >= 28:
        if len({day.month for day in dates}) == 1:
            return Period(
                "year", lambda day: day.year, lambda number: dates[0].replace(year=number)
            )
        return Period(
            "month",
            lambda day: day.year * 12 + day.month - 1,
            lambda number: date(number // 12, number % 12 + 1, dates[0].day),
        )
    if len(dates) >= 3 and all(step % 7 == 0 for step in steps):
        start = (dates[0] - _EPOCH).days % 7
        return Period(
            "week",
            lambda day: ((day - _EPOCH).days - start) // 7,
            lambda number: _EPOCH + timedelta(number * 7 + start),
        )
    return Period("day", lambda day: (day - _EPOCH).days, lambda number: _EPOCH + timedelta(number))
