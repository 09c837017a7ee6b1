"""Followers of the official account by source, and the messages they send it."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import LATE_OA_DAY_SHARE, Size
from sandbox.world.calendar import Calendar
from sandbox.world.randomness import stream

# open enum of the platform; 0 is all others together
USER_SOURCES = (0, 1, 17, 30, 51, 57)
_SOURCE_SHARES = np.array([0.12, 0.20, 0.14, 0.34, 0.05, 0.15])
NEW_PER_DAY, LOST_PER_DAY = 62, 36
MESSAGE_TYPES = (1, 2, 3, 4, 6)
_MESSAGES_PER_DAY = np.array([150, 28, 9, 3, 6])
_HOURS = np.array(
    [1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3, 4, 5, 5, 6, 5, 4, 4, 4, 5, 6, 7, 8, 8, 5, 3], dtype=float
)
# share of a day's writers who sent 1-5, 6-10 and more messages
INTERVAL_SHARES = (0.86, 0.10, 0.04)


@dataclass
class OaDays:
    """Figures of the official account, day first.

    Attributes:
        new_user: day x source.
        cancel_user: day x source.
        cumulate_user: followers at the end of each day.
        messages: day x type x hour.
        writers: day x type, persons.
        is_late: days whose article figures are not final on the first morning.
    """

    new_user: np.ndarray
    cancel_user: np.ndarray
    cumulate_user: np.ndarray
    messages: np.ndarray
    writers: np.ndarray
    is_late: np.ndarray


def oa_days(seed: int, size: Size, calendar: Calendar) -> OaDays:
    """All days of the period."""
    rng = stream(seed, "oa_days")
    scale = max(size.page_scale, 0.3)
    traffic = (calendar.factor * scale)[:, None]
    new_user = rng.poisson(NEW_PER_DAY * traffic * _SOURCE_SHARES)
    cancel_user = rng.poisson(LOST_PER_DAY * traffic * _SOURCE_SHARES)
    cumulated = round(18_000 * scale) + np.cumsum((new_user - cancel_user).sum(axis=1))
    by_hour = _MESSAGES_PER_DAY[:, None] * (_HOURS / _HOURS.sum())
    messages = rng.poisson(by_hour * traffic[:, :, None])
    total = messages.sum(axis=2)
    writers = np.minimum(total, rng.binomial(total, 0.62) + (total > 0))
    return OaDays(
        new_user,
        cancel_user,
        cumulated,
        messages,
        writers,
        is_late=rng.random(calendar.count) < LATE_OA_DAY_SHARE,
    )
