"""Time as a pull sees it: the moment it was asked for, plus what has passed since."""

import time
from datetime import UTC, date, datetime, timedelta

from siyu.calendar import aware, business_date


class PullClock:
    """`as_of` plus the time that really passed: token expiry, timestamps, started and finished."""

    def __init__(self, as_of: datetime) -> None:
        """Start counting now."""
        self.as_of = aware(as_of).astimezone(UTC)
        self._started = time.monotonic()

    def now(self) -> datetime:
        """The present moment of this pull, UTC."""
        return self.as_of + timedelta(seconds=time.monotonic() - self._started)

    @property
    def today(self) -> date:
        """The business day of `as_of`."""
        return business_date(self.as_of)

    def wall(self) -> float:
        """Seconds of the machine's clock, for limits that processes share."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; tests put another clock here."""
        time.sleep(seconds)
