"""Series whose lags are known, so that a rule can be seen to hold or to break."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

FIRST = date(2026, 3, 2)  # a Monday
CURVE = (0.4, 0.6, 0.8, 0.95, 1.0)


def exact(finals: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Known values that follow their curves without any chance; series x days x delays."""
    return np.asarray(finals, dtype=float)[:, :, None] * np.asarray(curves)


def until(known: np.ndarray) -> np.ndarray:
    """The same with nan for what lies after the last day."""
    days, delays = known.shape[1:]
    later = np.arange(days)[:, None] + np.arange(delays) >= days
    return np.where(later, np.nan, known)


def noisy(volume: float, *, series: int = 1, days: int = 150, seed: int = 3) -> np.ndarray:
    """Counts with chance in level and lag; weekends arrive more slowly."""
    rng = np.random.default_rng(seed)
    weekend = np.arange(days) % 7 >= 5
    level = volume * np.exp(np.cumsum(rng.normal(0, 0.06, (series, days)), axis=1))
    finals = rng.poisson(level * np.where(weekend, 0.8, 1.0))
    curve = np.where(weekend[:, None], np.array(CURVE) ** 1.5, np.array(CURVE))
    share = np.diff(curve, axis=1, prepend=0.0)
    wobble = rng.gamma(30, 1 / 30, (series, *share.shape)) * share
    new = rng.multinomial(finals, wobble / wobble.sum(axis=2, keepdims=True))
    return new.cumsum(axis=2).astype(float)


def frame_of(known: np.ndarray, first: date = FIRST) -> pd.DataFrame:
    """The arrival history of known values; nan makes no row."""
    number, day, delay = np.nonzero(np.isfinite(known))
    return pd.DataFrame(
        {
            "series": number.astype(str),
            "event_date": [first + timedelta(int(n)) for n in day],
            "delay_days": delay,
            "value": known[number, day, delay],
        }
    )
