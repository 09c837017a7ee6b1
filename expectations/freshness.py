"""Reduce the manifest to one row per series and business day: what is known, what should be.

Only the manifest is read, so this works when extraction, warehouse and network are all dead.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from expectations.arrivals import History, history
from expectations.band import MONEY, TAIL, TAIL_WHILE_OPEN, Band, Cases, band, common_share, lowered
from expectations.business_day import JUDGED_DAYS, BusinessDay, empty_row
from siyu.calendar import at, business_date

if TYPE_CHECKING:
    import pandas as pd

    from extractors.core.manifest import Commit
    from extractors.core.stream import Stream

PULL_DEADLINE = time(10, 30)  # by then the daily cycle must have pulled whatever is ready
OPEN_DAYS = 14  # a day that failed is judged until whole, for so long; then it is history
HISTORY_DAYS = 63  # nine weeks of pulls make the band
CHANCE_OF_COPY = 1e-6  # two days alike by chance more often than this are not called stuck
COLD_DAYS, COLD_VALUE = 3, 20.0  # without a band: that many full days make an empty one suspect

Scope = tuple[str, str, str, str]  # source, account, channel, stream


@dataclass(frozen=True)
class Evidence:
    """What earlier gate runs found.

    Attributes:
        bad_days: per scope, the business days that ever failed: no band learns from them.
        open_days: per scope, days of incidents still open: judged until whole.
    """

    bad_days: dict[Scope, set[date]] = field(default_factory=dict)
    open_days: dict[Scope, set[date]] = field(default_factory=dict)

    def open_channels(self, source: str, account: str, stream: str) -> dict[str, set[date]]:
        """Channels of a stream with an open incident ('' = the whole), and the days it has."""
        return {
            scope[2]: days
            for scope, days in self.open_days.items()
            if (scope[0], scope[1], scope[3]) == (source, account, stream)
        }


def series_rows(
    pairs: "Iterable[tuple[str, Stream]]",
    commits: "Iterable[Commit]",
    as_of: datetime,
    evidence: Evidence,
) -> list[dict]:
    """One row per (account, stream) pair, series and business day that must be judged.

    Columns: key, source, account, stream, channel, measure, event_date, is_newest, the flags
    is_pulled, is_delivered, has_content, is_new, is_known (true where they do not apply),
    is_judged (a band exists), value, expected, expected_low (NaN where they do not apply).
    The row of the pull as a whole has measure `*`; totals over channels have channel ''.
    """
    by_pair: dict[tuple[str, str, str], list[Commit]] = {}
    for commit in commits:
        by_pair.setdefault((commit.source, commit.account, commit.stream), []).append(commit)
    rows: list[dict] = []
    for account, stream in pairs:
        pulls = by_pair.get((stream.source, account, stream.name), [])
        rows += _rows_of_stream(account, stream, pulls, as_of, evidence)
    return rows


def frame_of(rows: list[dict]) -> "pd.DataFrame":
    """The rows as the frame that the suite judges, with `margin`: value less its lower band."""
    import pandas as pd

    frame = pd.DataFrame(
        rows, columns=list(empty_row("", "", "", "", "", date.min, is_newest=False))
    )
    # rows without a band have nothing to be below
    return frame.assign(margin=(frame["value"] - frame["expected_low"]).fillna(0.0))


def newest_expected_day(stream: "Stream", pulls: "list[Commit]", as_of: datetime) -> date:
    """The newest business day whose data must be here by now.

    A day is expected once the pull deadline has passed, or earlier if it was pulled when ready.
    """
    lag = 0 if str(stream.kind) == "entity" else 1
    day = business_date(as_of) - timedelta(lag)
    deadline = at(day + timedelta(lag), max(stream.ready_at, PULL_DEADLINE))
    ready = at(day + timedelta(lag), stream.ready_at)
    is_pulled_early = any(
        c.pulled_at >= ready and (str(c.kind) == "event" or day in c.covered_dates) for c in pulls
    )
    return day if as_of >= deadline or is_pulled_early else day - timedelta(1)


def _rows_of_stream(
    account: str, stream: "Stream", pulls: "list[Commit]", as_of: datetime, evidence: Evidence
) -> list[dict]:
    newest = newest_expected_day(stream, pulls, as_of)
    first = newest - timedelta(HISTORY_DAYS)
    recent = [c for c in pulls if business_date(c.pulled_at) >= first]
    known = history(stream, account, recent, first, newest)
    # a list's snapshot of an earlier day cannot be had any more
    span = 1 if str(stream.kind) == "entity" else JUDGED_DAYS
    days = {newest - timedelta(n) for n in range(span)}
    ill = evidence.open_channels(stream.source, account, stream.name)
    if span > 1:
        days |= {
            day
            for bad_days in ill.values()
            for day in bad_days
            if newest - timedelta(OPEN_DAYS) < day <= newest
        }
    # what was before the first window that was ever pulled is not missing
    start = min((c.first_date for c in pulls), default=newest)
    judged = [
        BusinessDay(stream, known, day, newest, as_of)
        for day in sorted(days, reverse=True)
        if start <= day
    ]
    pulled = [day for day in judged if day.pull >= 0]
    rows = [day.whole() for day in judged]
    if not pulled:
        return rows
    return rows + _series_rows(known, _bad_matrix(known, evidence), pulled, set(ill))


def _bad_matrix(known: History, evidence: Evidence) -> np.ndarray:
    """[series, day] days that a series must not learn from."""
    bad = np.zeros((len(known.series), len(known.days)), dtype=bool)
    for i, (channel, _) in enumerate(known.series):
        for name in {channel, ""}:
            scope = (known.source, known.account, name, known.stream)
            for day in evidence.bad_days.get(scope, ()):
                if 0 <= (d := day.toordinal() - known.first) < bad.shape[1]:
                    bad[i, d] = True
    return bad


def _series_rows(
    known: History, bad: np.ndarray, judged: list[BusinessDay], ill: set[str]
) -> list[dict]:
    """A row per series and day; in a stream with channels also one per measure, of all channels."""
    series = known.series
    names = tuple(dict.fromkeys(measure for _, measure in series))
    channels = sorted({channel for channel, _ in series})
    raw = np.stack([day.past() for day in judged])  # [judged, series, day]
    past = np.where(bad[None], np.nan, raw)
    values = np.stack([day.values() for day in judged])  # [judged, series]
    measure_of = np.array([names.index(measure) for _, measure in series])
    found = _band(known, past, judged, measure_of, names)
    share = np.full(len(judged) * len(series), np.nan)
    targets = np.repeat([day.day.toordinal() for day in judged], len(series))
    rows: list[dict] = []
    if len(channels) > 1:
        total_rows, dropped = _totals(
            known,
            bad,
            past,
            values,
            judged,
            measure_of,
            names,
            is_ill="" in ill,
        )
        rows += total_rows
        groups = _groups(len(judged), measure_of, len(names))
        share = common_share(found.plain, values.ravel(), groups, targets)
        # the whole stream dropped: siblings are no measure of what is normal that day
        share[dropped[:, measure_of].ravel()] = np.nan
    expected = lowered(found, share, targets).reshape(values.shape)
    is_ill = np.array([channel in ill for channel, _ in series])
    low = found.low(expected.ravel(), _tail(judged, is_ill)).reshape(values.shape)
    for j, day in enumerate(judged):
        before = (day.before(), raw[j, :, day.index - 1])
        for channel in channels:
            members = [i for i, (name, _) in enumerate(series) if name == channel]
            is_nothing = not np.nansum(values[j, members])
            # one channel is the whole stream: while there is no band, nothing at all is suspect
            was_full = len(channels) == 1 and _was_full(past[j, members])
            if known.is_occasional:
                # nothing is expected of a day; a freeze shows in the days before it, whose figures
                # stop growing
                low[j, members] = 0.0
                was_full = is_nothing and day.is_newest and day.stands_still(members)
            is_present = not (is_nothing and (was_full or np.nansum(low[j, members]) > 0))
            is_new = not any(
                _is_copy(values[j, members], old[members], past[j, members]) for old in before
            )
            for i in members:
                rows.append(
                    day.row(channel, series[i][1])
                    | {
                        "is_delivered": is_present,
                        "is_new": is_new,
                        "value": float(values[j, i]),
                        "expected": float(expected[j, i]),
                        "expected_low": float(low[j, i]),
                        "is_judged": was_full or bool(np.isfinite(low[j, i])),
                    }
                )
    return rows


def _totals(
    known: History,
    bad: np.ndarray,
    past: np.ndarray,
    values: np.ndarray,
    judged: list[BusinessDay],
    measure_of: np.ndarray,
    names: tuple[str, ...],
    *,
    is_ill: bool,
) -> tuple[list[dict], np.ndarray]:
    """Rows of the sums over channels, and [judged, measure] whether the sum is below its band."""
    # a day on which any channel was bad is no example of a whole day
    spoiled = bad.any(axis=0)[None, :]
    sums, totals = [], []
    for number in range(len(names)):
        members = measure_of == number
        unknown = np.isnan(past[:, members]).all(axis=1) | spoiled
        sums.append(np.where(unknown, np.nan, np.nansum(past[:, members], axis=1)))
        totals.append(np.nansum(values[:, members], axis=1))
    sums, totals = np.stack(sums, axis=1), np.stack(totals, axis=1)  # [judged, measure, (day)]
    found = _band(known, sums, judged, np.arange(len(names)), names)
    expected = found.expected.reshape(totals.shape)
    tail = _tail(judged, np.full(len(names), is_ill))
    low = found.low(tail=tail).reshape(totals.shape)
    rows = []
    for j, day in enumerate(judged):
        is_nothing = not totals[j].sum()
        is_present = not (is_nothing and (np.nansum(low[j]) > 0 or _was_full(sums[j])))
        rows += [
            day.row("", name)
            | {
                "is_delivered": is_present,
                "value": float(totals[j, i]),
                "expected": float(expected[j, i]),
                "expected_low": float(low[j, i]),
                "is_judged": bool(np.isfinite(low[j, i])),
            }
            for i, name in enumerate(names)
        ]
    return rows, totals < np.nan_to_num(low)


def _tail(judged: list[BusinessDay], is_ill: np.ndarray) -> np.ndarray:
    """[judged x series] how improbable a low value must be; the newest day of an ill one, less."""
    is_newest = np.array([day.is_newest for day in judged])
    return np.where(is_newest[:, None] & is_ill[None, :], TAIL_WHILE_OPEN, TAIL).ravel()


def _groups(judged: int, measure_of: np.ndarray, measures: int) -> np.ndarray:
    """One number per measure and judged day, for rows in [judged, series] order."""
    return (np.arange(judged)[:, None] * measures + measure_of[None, :]).ravel()


def _band(
    known: History,
    past: np.ndarray,
    judged: list[BusinessDay],
    measure_of: np.ndarray,
    names: tuple[str, ...],
) -> Band:
    rows = past.shape[1]
    is_money = np.array([names[number] in MONEY for number in measure_of])
    return band(
        Cases(
            past=past.reshape(-1, past.shape[2]),
            days=known.days,
            targets=np.repeat([day.day.toordinal() for day in judged], rows),
            groups=_groups(len(judged), measure_of, len(names)),
            is_money=np.tile(is_money, len(judged)),
        )
    )


def _was_full(past: np.ndarray) -> bool:
    """The fallback while there is no band: the last few known days all had plenty."""
    known = past[:, ~np.isnan(past).all(axis=0)][:, -COLD_DAYS:]
    return known.shape[1] == COLD_DAYS and bool((np.nansum(known, axis=0) >= COLD_VALUE).all())


def _is_copy(now: np.ndarray, before: np.ndarray, past: np.ndarray) -> bool:
    """Whether a day has the figures of the day before in a way that chance does not explain."""
    if np.isnan(before).any() or not np.array_equal(now, before):
        return False
    chance = 1.0
    for value, series in zip(now, past, strict=True):
        steps = np.diff(series[~np.isnan(series)])
        repeats = float((steps == 0).mean()) if len(steps) else 1.0
        # a staff list is as long every day; a Poisson figure repeats itself now and then
        by_noise = min(1.0, 1 / (2 * math.sqrt(math.pi * value))) if value >= 1 else 1.0
        chance *= 1.0 if repeats > 0.1 else by_noise
    return chance < CHANCE_OF_COPY
