"""When a fact becomes visible: delays after a known curve, noisy from day to day."""

import numpy as np

from sandbox.parameters import (
    ARRIVAL_CONCENTRATION,
    BATCH_DELAYS,
    REST_DAY_BATCH_FACTOR,
)
from sandbox.timeline import DAY_MS, HOUR_MS
from siyu.calendar import is_holiday


def hazards(curve: np.ndarray) -> np.ndarray:
    """Share of what is still missing that arrives at each delay."""
    before = np.concatenate([[0.0], curve[:-1]])
    return (curve - before) / (1 - before)


def daily_curves(
    rng: np.random.Generator,
    curve: np.ndarray,
    days: int,
    *,
    factors: np.ndarray | None = None,
    concentration: float = ARRIVAL_CONCENTRATION,
) -> np.ndarray:
    """One curve per day (days x delays) whose mean is `curve`.

    Each hazard is drawn from a Beta with its mean; hazards are independent, so the expected
    curve is exactly the given one.

    Args:
        rng: the stream of this part.
        curve: share known after d days; the last is 1.
        days: how many days.
        factors: optional days x delays multipliers of the hazards.
        concentration: sum of the Beta's parameters.
    """
    base = hazards(curve)
    mean = np.broadcast_to(base, (days, len(curve))).copy()
    if factors is not None:
        mean = np.clip(_calibrated(base, curve, factors) * factors, 1e-4, 1)
    mean[:, -1] = 1.0
    certain = mean >= 1 - 1e-9
    safe = np.where(certain, 0.5, mean)
    drawn = rng.beta(safe * concentration, (1 - safe) * concentration)
    drawn[certain] = 1.0
    return 1 - np.cumprod(1 - drawn, axis=1)


def _calibrated(base: np.ndarray, curve: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Base hazards such that the mean curve over all days stays the given one."""
    base = base.copy()
    missing = np.ones(len(factors))
    for delay in range(len(curve) - 1):
        known_before = 1 - missing.mean()
        for _ in range(20):
            hazard = np.clip(base[delay] * factors[:, delay], 1e-4, 1)
            arrived = (missing * hazard).mean()
            base[delay] *= (curve[delay] - known_before) / arrived
        missing = missing * (1 - np.clip(base[delay] * factors[:, delay], 1e-4, 1))
    return base


def batch_factors(days: tuple, delays: int) -> np.ndarray:
    """Fewer batches on rest days, more on working days, for the delays of partners' batches."""
    from datetime import timedelta

    factors = np.ones((len(days), delays))
    for row, day in enumerate(days):
        for delay in BATCH_DELAYS:
            rest = is_holiday(day + timedelta(delay))
            factors[row, delay] = REST_DAY_BATCH_FACTOR if rest else 1.16
    return factors


def delays_of(rng: np.random.Generator, curves: np.ndarray, day_index: np.ndarray) -> np.ndarray:
    """A delay in days for each event, after the curve of its own day."""
    chance = rng.random(len(day_index))
    delays = np.zeros(len(day_index), dtype=np.int64)
    for step in range(curves.shape[1] - 1):
        delays += chance > curves[day_index, step]
    return delays


def morning_of(
    rng: np.random.Generator, day_start_ms: np.ndarray, delays: np.ndarray
) -> np.ndarray:
    """A moment between 03:00 and 08:00 on the day `delays` days later: batches run at night.

    So a pull in the morning of day d after the business day knows exactly the curve's share.
    """
    offset = (rng.random(len(delays)) * 5 * HOUR_MS).astype(np.int64) + 3 * HOUR_MS
    return day_start_ms + delays * DAY_MS + offset
