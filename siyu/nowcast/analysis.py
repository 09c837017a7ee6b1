"""From triangles to rows: estimates as of a day, ratios, and every past estimate for back-tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from siyu.calendar import business_date, is_holiday
from siyu.errors import UsageError
from siyu.nowcast.estimate import Estimates, estimate_all
from siyu.nowcast.factors import RestDays
from siyu.nowcast.mack import mack
from siyu.nowcast.settings import Settings
from siyu.nowcast.triangle import Triangle, triangles
from siyu.nowcast.verdict import (
    FINAL,
    NOT_OBSERVED,
    REASONS,
    SHOWN,
    Verdict,
    completeness_spread,
    intervals,
    judge,
)

KEYS = ("source", "stream", "account", "channel", "measure")
COLUMNS = (
    "event_date",
    "value",
    "completeness",
    "completeness_low",
    "completeness_high",
    "nowcast",
    "nowcast_low",
    "nowcast_high",
    "reason",
)
Z = 1.2815515655446004  # of an 80 % normal interval


@dataclass(frozen=True)
class Analysis:
    """Everything that was ever estimated for the series of a triangle, and how it was judged."""

    triangle: Triangle
    made: Estimates
    verdict: Verdict


def nowcast(
    arrivals: pd.DataFrame,
    as_of: date | datetime,
    *,
    keys: Sequence[str] = KEYS,
    final_delay: int | None = None,
    is_rest_day: Callable[[date], bool] | None = is_holiday,
    settings: Settings | None = None,
    is_complete: bool = False,
) -> pd.DataFrame:
    """Estimate what every business day will end up as, from what was known on a day.

    Args:
        arrivals: arrival history, as `Manifest.arrivals_frame` gives it: `keys`, event_date,
            delay_days and value = the absolute value known; optionally final_delay.
        as_of: the business day; rows observed later are not looked at.
        keys: columns that name a series.
        final_delay: the delay at which a value is final; None: the column of that name, else learnt
            per source and stream.
        is_rest_day: the calendar; None: weekdays alone.
        settings: see `Settings`.
        is_complete: no row means nothing new; else it may also mean that nobody pulled.

    Returns:
        One row per series and business day since its first: the keys and `COLUMNS`. A day that is
        closed has `reason` final and itself as its estimate. Where `nowcast` is null, `reason`
        says why (`verdict.REASONS`); where it is not, `reason` is null.
    """
    settings = settings or Settings()
    rows = [
        _rows(analysis, settings)
        for analysis in analyses(
            arrivals,
            as_of,
            keys=keys,
            final_delay=final_delay,
            is_rest_day=is_rest_day,
            settings=settings,
            is_complete=is_complete,
        )
    ]
    return _table(rows, keys)


def nowcast_ratio(
    numerator: pd.DataFrame,
    denominator: pd.DataFrame,
    as_of: date | datetime,
    *,
    keys: Sequence[str],
    final_delay: int | None = None,
    is_rest_day: Callable[[date], bool] | None = is_holiday,
    settings: Settings | None = None,
) -> pd.DataFrame:
    """Estimate ratios: both sides apart, then combined, with their own back-tested errors.

    A ratio is closed when its slower side is. Series that lack a side are left out.

    Args:
        numerator: arrival history of the upper side; see `nowcast`.
        denominator: of the lower side, with the same key columns.
        as_of: the business day.
        keys: columns that name a series on both sides.
        final_delay: for both sides; None: each learns its own and the later counts.
        is_rest_day: the calendar; None: weekdays alone.
        settings: see `Settings`.

    Returns:
        As `nowcast`; value and estimates are ratios, null where the denominator is 0.
    """
    settings = settings or Settings()
    rows = [
        _rows(analysis, settings)
        for analysis in ratio_analyses(
            numerator,
            denominator,
            as_of,
            keys=keys,
            final_delay=final_delay,
            is_rest_day=is_rest_day,
            settings=settings,
        )
    ]
    return _table(rows, keys)


def analyses(
    arrivals: pd.DataFrame,
    as_of: date | datetime,
    *,
    keys: Sequence[str] = KEYS,
    final_delay: int | None = None,
    is_rest_day: Callable[[date], bool] | None = is_holiday,
    settings: Settings | None = None,
    is_complete: bool = False,
) -> Iterator[Analysis]:
    """The analyses behind `nowcast`, some series at a time."""
    settings = settings or Settings()
    for whole in triangles(
        arrivals,
        _day(as_of),
        keys,
        final_delay=final_delay,
        longest_delay=settings.longest_delay,
        is_complete=is_complete,
    ):
        rest = _rest_days(whole, is_rest_day)
        for triangle in whole.chunks():
            made = estimate_all(triangle.known, rest, settings)
            yield Analysis(triangle, made, judge(triangle.known, made, settings))


def ratio_analyses(
    numerator: pd.DataFrame,
    denominator: pd.DataFrame,
    as_of: date | datetime,
    *,
    keys: Sequence[str],
    final_delay: int | None = None,
    is_rest_day: Callable[[date], bool] | None = is_holiday,
    settings: Settings | None = None,
) -> Iterator[Analysis]:
    """The analyses behind `nowcast_ratio`."""
    settings = settings or Settings()
    keys = list(keys)
    sides = pd.concat([numerator.assign(_side="over"), denominator.assign(_side="under")])
    if final_delay is None:
        learnt = triangles(
            sides, _day(as_of), [*keys, "_side"], longest_delay=settings.longest_delay
        )
        final_delay = max((triangle.final_delay for triangle in learnt), default=0)
    # one grid for both sides: the calendar and the final delay are those of the slower one
    for whole in triangles(sides, _day(as_of), [*keys, "_side"], final_delay=final_delay):
        rest = _rest_days(whole, is_rest_day)
        place = whole.keys.reset_index(names="_place").pivot(
            index=keys, columns="_side", values="_place"
        )
        if not {"over", "under"} <= set(place):
            continue
        place = place.dropna().astype(int)
        for start in range(0, len(place), 200):
            part = place.iloc[start : start + 200]
            over, under = (part[side].to_numpy() for side in ("over", "under"))
            made = estimate_all(whole.known[over], rest, settings).over(
                estimate_all(whole.known[under], rest, settings)
            )
            newest = _over(whole.newest[over], whole.newest[under])
            delays = np.minimum(whole.newest_delay[over], whole.newest_delay[under])
            names = part.index.to_frame(index=False)[keys]
            triangle = Triangle(names, whole.first, whole.known[over], newest, delays)
            yield Analysis(triangle, made, judge(None, made, settings))


def _over(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _rows(analysis: Analysis, settings: Settings) -> pd.DataFrame:
    """What is known and estimated on the last day, from the newest cell of every business day."""
    triangle, made, verdict = analysis.triangle, analysis.made, analysis.verdict
    series, days, delays = made.value.shape
    # the newest delay at which each day was observed: its estimate stands until the next pull
    delay = np.clip(triangle.newest_delay, 0, delays - 1)
    origin = np.arange(days) + delay
    which = np.arange(series)[:, None]

    def at(values: np.ndarray) -> np.ndarray:
        return values[which, origin, delay]

    reason = at(verdict.reason)
    reason[triangle.newest_delay < 0] = NOT_OBSERVED
    reason[triangle.newest_delay >= delays - 1] = FINAL
    columns = {name: np.full((series, days), np.nan) for name in COLUMNS[2:8]}
    columns["completeness"] = np.clip(at(made.completeness), 0, 1)
    has_history = at(verdict.tests) >= settings.minimum_tests
    is_open = (reason != FINAL) & (reason != NOT_OBSERVED)
    for at_origin in np.unique(origin[is_open]):
        low, high = intervals(verdict, at_origin, settings)
        spread = completeness_spread(made, at_origin, settings)
        mask = is_open & (origin == at_origin)
        row, column = np.nonzero(mask)
        columns["nowcast_low"][mask] = low[row, delay[row, column]]
        columns["nowcast_high"][mask] = high[row, delay[row, column]]
        columns["completeness_low"][mask] = spread[0][row, delay[row, column]]
        columns["completeness_high"][mask] = spread[1][row, delay[row, column]]
    columns["nowcast"] = at(made.estimate)
    # the interval of a count is whole, its estimate is not
    columns["nowcast_low"] = np.fmin(columns["nowcast_low"], columns["nowcast"])
    columns["nowcast_high"] = np.fmax(columns["nowcast_high"], columns["nowcast"])
    if settings.is_textbook:
        _textbook(triangle, columns)
    if settings.is_textbook or not settings.suppress:
        hidden = ~np.isfinite(columns["nowcast"])
    else:
        hidden = reason != SHOWN
        columns["completeness"][is_open & ~has_history] = np.nan
    for name in ("nowcast", "nowcast_low", "nowcast_high"):
        columns[name][hidden] = np.nan
    for name in ("completeness_low", "completeness_high"):
        columns[name][~has_history] = np.nan
    for name in ("completeness", "completeness_low", "completeness_high"):
        columns[name][reason == FINAL] = 1.0
    for name in ("nowcast", "nowcast_low", "nowcast_high"):
        columns[name] = np.where(reason == FINAL, triangle.newest, columns[name])
    table = triangle.keys.loc[triangle.keys.index.repeat(days)].reset_index(drop=True)
    table["event_date"] = np.tile(np.array(triangle.days, dtype=object), series)
    table["value"] = triangle.newest.ravel()
    for name, values in columns.items():
        table[name] = values.ravel()
    texts = np.array([None, *list(REASONS)[1:]], dtype=object)
    table["reason"] = texts[reason.ravel()]
    began = np.maximum.accumulate(np.isfinite(triangle.newest), axis=1)
    return table[began.ravel()]


def _textbook(triangle: Triangle, columns: dict[str, np.ndarray]) -> None:
    """Mack's interval in place of the back-tested one."""
    for number, known in enumerate(triangle.known):
        there = np.isfinite(known[:, 0])
        low, high = mack(known).interval(Z)
        columns["nowcast_low"][number, there] = low
        columns["nowcast_high"][number, there] = high


def _table(rows: list[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame(columns=[*keys, *COLUMNS])
    return pd.concat(rows, ignore_index=True)[[*keys, *COLUMNS]]


def _rest_days(triangle: Triangle, is_rest_day: Callable[[date], bool] | None) -> RestDays | None:
    if is_rest_day is None:
        return None
    days, delays = triangle.known.shape[1:]
    calendar = [triangle.first + timedelta(n) for n in range(days + delays + 7)]
    return RestDays(np.array([is_rest_day(day) for day in calendar]))


def _day(moment: date | datetime) -> date:
    if isinstance(moment, datetime):
        return business_date(moment)
    if not isinstance(moment, date):
        raise UsageError(f"'{moment}' is not a day", action="pass a date")
    return moment
