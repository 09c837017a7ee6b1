"""Arrival histories as arrays: what was known of each business day at each delay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from siyu.errors import UsageError

# a learnt final delay is the one by which this share has arrived
ARRIVED = 0.999
GROUP = ("source", "stream", "account")


@dataclass(frozen=True)
class Triangle:
    """Series that share a calendar and a final delay.

    Attributes:
        keys: one row per series.
        first: the first business day.
        known: series x days x (final delay + 1): the absolute value known at each delay; nan where
            it was not observed. The last day is the one as of which it was taken.
        newest: series x days, the newest value, also of pulls later than the final delay.
        newest_delay: series x days, the delay it was known at; -1 where nothing is.
    """

    keys: pd.DataFrame
    first: date
    known: np.ndarray
    newest: np.ndarray
    newest_delay: np.ndarray

    @property
    def final_delay(self) -> int:
        """The delay at which a value is final."""
        return self.known.shape[2] - 1

    @property
    def days(self) -> list[date]:
        """The business days, in order."""
        return [self.first + timedelta(n) for n in range(self.known.shape[1])]

    def chunks(self, cells: int = 400_000) -> Iterator["Triangle"]:
        """The same series in parts that fit the processor's cache better than the whole."""
        size = max(1, cells // max(1, self.known[0].size))
        for start in range(0, len(self.keys), size):
            part = slice(start, start + size)
            yield Triangle(
                self.keys.iloc[part],
                self.first,
                self.known[part],
                self.newest[part],
                self.newest_delay[part],
            )


def triangles(
    arrivals: pd.DataFrame,
    as_of: date,
    keys: Sequence[str],
    *,
    final_delay: int | None = None,
    longest_delay: int = 60,
    is_complete: bool = False,
) -> list[Triangle]:
    """Triangles of an arrival history as it was on a day, one per final delay.

    Args:
        arrivals: columns `keys`, event_date, delay_days and value (the absolute value known);
            optionally final_delay (per stream) and pulled_at (the later of two pulls of a day
            counts; without it the later row).
        as_of: rows observed after it are not looked at.
        keys: columns that name a series.
        final_delay: for all series; None: the column of that name, else learnt per group of
            source and stream.
        longest_delay: the longest that is learnt.
        is_complete: no row means nothing new; else it may also mean that nobody pulled.

    Raises:
        UsageError: a column is missing.
    """
    missing = [c for c in (*keys, "event_date", "delay_days", "value") if c not in arrivals]
    if missing:
        raise UsageError(
            f"The arrival history has no column {', '.join(missing)}",
            action="give its key columns, event_date, delay_days and value",
        )
    frame = arrivals.assign(
        _day=pd.to_datetime(arrivals["event_date"]).to_numpy().astype("datetime64[D]").astype(int)
    )
    frame = frame[
        frame["value"].notna()
        & (frame["delay_days"] >= 0)
        & (frame["_day"] + frame["delay_days"] <= _number(as_of))
    ]
    if frame.empty:
        return []
    if "pulled_at" in frame:
        frame = frame.sort_values("pulled_at", kind="stable")
    streams = [key for key in keys if key in ("source", "stream")]
    if final_delay is not None:
        frame = frame.assign(_final=final_delay)
    elif "final_delay" in frame:
        frame = frame.assign(_final=frame["final_delay"].astype(int))
    elif streams:
        parts = [
            part.assign(_final=learnt_final_delay(part, keys, _number(as_of), longest_delay))
            for _, part in frame.groupby(streams, sort=True)
        ]
        frame = pd.concat(parts)
    else:
        frame = frame.assign(_final=learnt_final_delay(frame, keys, _number(as_of), longest_delay))
    return [
        _triangle(part, _number(as_of), list(keys), int(final), is_complete)
        for final, part in frame.groupby("_final", sort=True)
    ]


def learnt_final_delay(frame: pd.DataFrame, keys: Sequence[str], as_of: int, longest: int) -> int:
    """The delay by which 99.9 % has arrived, by the pooled chain ladder of what is known."""
    delays = min(int(frame["delay_days"].max()), longest)
    wide = _wide(frame, [*keys, "_day"], delays)
    wide = pd.DataFrame(wide).ffill(axis=1).to_numpy(copy=True)
    age = as_of - frame.groupby([*keys, "_day"], sort=True)["_day"].first().to_numpy()
    wide[np.arange(delays + 1) > age[:, None]] = np.nan
    developed = 1.0
    for j in range(delays - 1, -1, -1):
        both = np.isfinite(wide[:, j]) & np.isfinite(wide[:, j + 1])
        before, after = wide[both, j].sum(), wide[both, j + 1].sum()
        developed *= after / before if before > 0 else np.inf
        if abs(1 - 1 / developed) > 1 - ARRIVED:
            return j + 1
    return 0


def from_increments(frame: pd.DataFrame, as_of: int) -> tuple[pd.DataFrame, list[str]]:
    """An arrival history from a reporting triangle, and its key columns.

    Args:
        frame: reference_date (numbered), delay, count (new reports at that delay; negative where
            some were withdrawn) and any other columns, which name series.
        as_of: the number of the day; later reports are dropped before anything is learnt.
    """
    keys = [c for c in frame if c not in ("reference_date", "delay", "count")]
    known = frame[frame["reference_date"] + frame["delay"] <= as_of]
    if not keys:
        known, keys = known.assign(series="all"), ["series"]
    new = known[[*keys, "reference_date", "delay", "count"]]
    if new.empty:
        return new.assign(event_date=[], delay_days=[], value=[]), keys
    # every reference date is there, with nothing where nothing was reported
    first, last = known["reference_date"].min(), frame["reference_date"].clip(upper=as_of).max()
    dates = pd.DataFrame({"reference_date": np.arange(first, last + 1), "delay": 0, "count": 0})
    dates = new[keys].drop_duplicates().merge(dates, how="cross")
    new = pd.concat([new, dates]).groupby([*keys, "reference_date", "delay"], sort=True)["count"]
    new = new.sum().reset_index()
    new["value"] = new.groupby([*keys, "reference_date"])["count"].cumsum()
    return new.rename(columns={"reference_date": "event_date", "delay": "delay_days"}), keys


def _triangle(
    frame: pd.DataFrame, as_of: int, keys: list[str], final: int, is_complete: bool
) -> Triangle:
    first = int(frame["_day"].min())
    days = as_of - first + 1
    number = frame.groupby(keys, sort=True).ngroup().to_numpy()
    _, at = np.unique(number, return_index=True)
    names = frame[keys].iloc[at].reset_index(drop=True)
    day = (frame["_day"] - first).to_numpy()
    delay = frame["delay_days"].to_numpy().astype(int)
    value = frame["value"].to_numpy(dtype=float)
    inside = delay <= final
    known = np.full((len(names), days, final + 1), np.nan)
    known[number[inside], day[inside], delay[inside]] = value[inside]
    pulled, started = _pulls(names, number, day, delay, days)
    if is_complete:
        pulled, started = np.ones_like(pulled), np.zeros_like(started)
        started[:, day.max() + 1 :] = days  # no row speaks of these days: they are not there
    known = _carried(known, pulled, started, value > 0, number, day)
    newest, newest_delay = _newest(known, number, day, delay, value)
    return Triangle(names, date.fromordinal(_EPOCH + first), known, newest, newest_delay)


def _pulls(
    names: pd.DataFrame,
    number: np.ndarray,
    day: np.ndarray,
    delay: np.ndarray,
    days: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Per series: on which days its account was pulled, and from which delay a day was spoken of.

    A pull that says nothing new of a day lands no row for it: the value stands. A day that no
    pull of the account has spoken of yet is unknown, not zero.
    """
    by = [key for key in GROUP if key in names] or list(names)
    group = names.groupby(by, sort=True).ngroup().to_numpy()
    groups = group.max() + 1
    pulled = np.zeros((groups, days), dtype=bool)
    seen = day + delay
    pulled[group[number], np.minimum(seen, days - 1)] = True
    started = np.full((groups, days), np.iinfo(np.int64).max)
    np.minimum.at(started, (group[number], day), delay)
    return pulled[group], started[group]


def _carried(
    known: np.ndarray,
    pulled: np.ndarray,
    started: np.ndarray,
    is_positive: np.ndarray,
    number: np.ndarray,
    day: np.ndarray,
) -> np.ndarray:
    """Fill cells whose day was pulled without news; leave days before a series began unknown."""
    series, days, delays = known.shape
    begins = np.full(series, days)
    np.minimum.at(begins, number[is_positive], day[is_positive])
    alive = np.arange(days)[None, :] >= begins[:, None]
    previous = np.zeros((series, days))
    for d in range(delays):
        observed = np.zeros((series, days), dtype=bool)
        observed[:, : days - d] = pulled[:, d:]
        fill = observed & (started <= d) & np.isnan(known[:, :, d])
        known[:, :, d] = np.where(fill, previous, known[:, :, d])
        previous = np.where(np.isnan(known[:, :, d]), previous, known[:, :, d])
        known[:, :, d] = np.where(alive, known[:, :, d], np.nan)
    return known


def _newest(
    known: np.ndarray, number: np.ndarray, day: np.ndarray, delay: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The last observed cell of each day, or a pull made after the final delay."""
    delays = known.shape[2]
    newest_delay = np.where(np.isfinite(known), np.arange(delays), -1).max(axis=2)
    at = np.clip(newest_delay, 0, None)[..., None]
    newest = np.take_along_axis(known, at, axis=2)[..., 0]
    order = np.argsort(delay, kind="stable")
    late = order[delay[order] >= delays]
    newest[number[late], day[late]] = value[late]
    np.maximum.at(newest_delay, (number[late], day[late]), delay[late])
    return newest, newest_delay


def _wide(frame: pd.DataFrame, rows: list[str], delays: int) -> np.ndarray:
    row = frame.groupby(rows, sort=True).ngroup().to_numpy()
    delay = frame["delay_days"].to_numpy().astype(int)
    wide = np.full((row.max() + 1, delays + 1), np.nan)
    inside = delay <= delays
    wide[row[inside], delay[inside]] = frame["value"].to_numpy(dtype=float)[inside]
    return wide


_EPOCH = date(1970, 1, 1).toordinal()


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH
