"""Sums over trailing windows, as each origin knows them.

Arrays are series x origins x delays; entry [s, o, d] is about business day o - d, as it was known
on day o. It is closed, that is its final value is known, `last - d` days later.
"""

import numpy as np


def rolling(values: np.ndarray, window: int, lag: int) -> np.ndarray:
    """For each origin, the sum over the `window` days that end `lag` days before it.

    Args:
        values: series x days.
        window: how many days.
        lag: 0 sums up to the origin itself.
    """
    days = values.shape[1]
    sums = np.zeros((values.shape[0], days + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    end = np.clip(np.arange(days) - lag + 1, 0, days)
    return sums[:, end] - sums[:, np.clip(end - window, 0, days)]


def closed_sums(values: np.ndarray, window: int) -> np.ndarray:
    """For each origin and delay, the sum over the newest `window` entries closed by then."""
    last = values.shape[2] - 1
    return trailing_sums(values, window, last - np.arange(last + 1))


def trailing_sums(values: np.ndarray, window: int, lags: np.ndarray) -> np.ndarray:
    """As `rolling`, for every delay with a lag of its own."""
    series, days, delays = values.shape
    sums = np.zeros((series, days + 1, delays))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    end = np.clip(np.arange(days)[:, None] - lags + 1, 0, days)
    flat = sums.reshape(series, -1)
    delay = np.arange(delays)
    start = np.clip(end - window, 0, days)
    result = flat.take((end * delays + delay).ravel(), axis=1)
    result -= flat.take((start * delays + delay).ravel(), axis=1)
    return result.reshape(values.shape)


def by_origin(known: np.ndarray) -> np.ndarray:
    """Series x origins x delays from series x days x delays; nan before the first day."""
    days, delays = known.shape[1:]
    day = np.arange(days)[:, None] - np.arange(delays)
    values = known[:, np.clip(day, 0, None), np.arange(delays)]
    return np.where(day >= 0, values, np.nan)


def earlier(values: np.ndarray, periods: int) -> np.ndarray:
    """The entry of the day `periods` before, at the same origin: a later delay of the same row.

    Past the last delay a value stands still: it is that of the origin that closed it.
    """
    days, delays = values.shape[1:]
    later = np.arange(delays) + periods
    inside = values[:, :, np.minimum(later, delays - 1)]
    origin = np.arange(days)[:, None] - np.maximum(later - (delays - 1), 0)
    closed = np.where(origin >= 0, values[:, np.clip(origin, 0, None), delays - 1], np.nan)
    return np.where(later < delays, inside, closed)


def safe_ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Top / bottom, and 0 where the bottom is not positive."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0)
