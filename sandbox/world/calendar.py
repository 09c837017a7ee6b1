"""Weekday, holiday, season and growth effects of each kind of traffic."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from sandbox.timeline import DAY_MS, midnight_ms, number_of_date
from siyu.calendar import is_holiday


@dataclass(frozen=True)
class Calendar:
    """The days of a world.

    Attributes:
        days: every day of the period.
        is_rest_day: weekends and public holidays, as China observed them.
        factor: traffic of each day against the first ordinary weekday.
    """

    days: tuple[date, ...]
    is_rest_day: np.ndarray
    factor: np.ndarray

    @property
    def count(self) -> int:
        """Number of days."""
        return len(self.days)

    @property
    def start_ms(self) -> int:
        """The first millisecond of the period."""
        return midnight_ms(self.days[0])

    @property
    def end_ms(self) -> int:
        """The first millisecond after the period."""
        return self.start_ms + self.count * DAY_MS

    @property
    def first_number(self) -> int:
        """Day number of the first day."""
        return number_of_date(self.days[0])


def calendar(first_day: date, count: int, rng: np.random.Generator) -> Calendar:
    """The period's days with their effects."""
    days = tuple(first_day + timedelta(n) for n in range(count))
    rest = np.array([is_holiday(d) for d in days])
    weekday = np.array([d.weekday() for d in days])
    long_holiday = rest & (weekday < 5)
    index = np.arange(count)
    season = 1 + 0.05 * np.sin(2 * np.pi * (index + 20) / 91)
    growth = 1.0015 ** np.minimum(index, 365)
    by_weekday = np.array([1.0, 1.02, 1.03, 1.02, 1.06, 0.90, 0.86])[weekday]
    holiday = np.where(long_holiday, 0.80, 1.0)
    noise = rng.lognormal(0, 0.05, count)
    return Calendar(days, rest, by_weekday * holiday * season * growth * noise)
