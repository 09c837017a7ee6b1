"""Reduce the manifest to one row per series and business day: what is known, what should be.

Only the manifest is read, so this works when extraction, warehouse and network are all dead.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from expectations.arrivals import History, history, hours
from expectations.band import (
    MONEY,
    TAIL,
    TAIL_WHILE_OPEN,
    Band,
    Cases,
    bands,
    common_share,
    lowered,
)
from expectations.business_day import JUDGED_DAYS, BusinessDay, empty_row, pasts_of, values_of
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
    unknown_fields (their names),
    is_judged (a band exists), value, expected, expected_low (NaN where they do not apply).
    The row of the pull as a whole has measure `*`; totals over channels have channel ''.
    """
    by_pair: dict[tuple[str, str, str], list[Commit]] = {}
    for commit in commits:
        by_pair.setdefault((commit.source, commit.account, commit.stream), []).append(commit)
    streams = [
        _JudgedStream(
            account,
            stream,
            by_pair.get((stream.source, account, stream.name), []),
            as_of,
            evidence,
        )
        for account, stream in pairs
    ]
    found = iter(bands([case for stream in streams for case in stream.cases]))
    return [row for stream in streams for row in stream.rows([next(found) for _ in stream.cases])]


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


class _JudgedStream:
    """A stream of an account and its days to be judged: first what is known, then, banded, rows.

    Attributes:
        cases: what bands are needed of: the series, and the totals over channels where it has some.
    """

    def __init__(
        self,
        account: str,
        stream: "Stream",
        pulls: "list[Commit]",
        as_of: datetime,
        evidence: Evidence,
    ) -> None:
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
        now = hours(as_of)
        self.known, self.ill = known, set(ill)
        self.newest_pulls = known.last_pull(now, known.ready)
        self.days = [
            BusinessDay(known, day, newest, now, self.newest_pulls)
            for day in sorted(days, reverse=True)
            if start <= day
        ]
        self.pulled = [day for day in self.days if day.pull >= 0]
        self.cases: list[Cases] = []
        if self.pulled:
            self._prepare(_bad_matrix(known, evidence))

    def _prepare(self, bad: np.ndarray) -> None:
        series = self.known.series
        self.names = tuple(dict.fromkeys(measure for _, measure in series))
        self.channels = sorted({channel for channel, _ in series})
        self.measure_of = np.array([self.names.index(measure) for _, measure in series])
        self.raw = pasts_of(self.pulled)  # [judged, series, day]
        self.past = np.where(bad[None], np.nan, self.raw)
        self.values = values_of(self.pulled)  # [judged, series]
        self.cases.append(self._case(self.past, self.measure_of))
        if len(self.channels) > 1:
            # a day on which any channel was bad is no example of a whole day
            spoiled = bad.any(axis=0)[None, :]
            sums, totals = [], []
            for number in range(len(self.names)):
                members = self.measure_of == number
                unknown = np.isnan(self.past[:, members]).all(axis=1) | spoiled
                sums.append(np.where(unknown, np.nan, np.nansum(self.past[:, members], axis=1)))
                totals.append(np.nansum(self.values[:, members], axis=1))
            # [judged, measure, (day)]
            self.sums, self.totals = np.stack(sums, axis=1), np.stack(totals, axis=1)
            self.cases.append(self._case(self.sums, np.arange(len(self.names))))

    def _case(self, past: np.ndarray, measure_of: np.ndarray) -> Cases:
        """A row per judged day and series, in that order; one group per day and measure."""
        judged, rows, width = past.shape
        groups = np.arange(judged)[:, None] * len(self.names) + measure_of[None, :]
        is_money = np.array([self.names[number] in MONEY for number in measure_of])
        return Cases(
            past=past.reshape(-1, width),
            days=self.known.days,
            targets=np.repeat([day.day.toordinal() for day in self.pulled], rows),
            groups=groups.ravel(),
            is_money=np.tile(is_money, judged),
        )

    def rows(self, found: list[Band]) -> list[dict]:
        """The rows, given the bands of the cases."""
        rows = [day.whole() for day in self.days]
        if not self.pulled:
            return rows
        share = np.full(self.values.size, np.nan)
        case = self.cases[0]
        if len(self.channels) > 1:
            total_rows, dropped = self._total_rows(found[1])
            rows += total_rows
            share = common_share(found[0].plain, self.values.ravel(), case.groups, case.targets)
            # the whole stream dropped: siblings are no measure of what is normal that day
            share[dropped[:, self.measure_of].ravel()] = np.nan
        expected = lowered(found[0], share, case.targets)
        is_ill = np.array([channel in self.ill for channel, _ in self.known.series])
        low = found[0].low(expected, _tail(self.pulled, is_ill))
        shape = self.values.shape
        return rows + self._series_rows(expected.reshape(shape), low.reshape(shape))

    def _series_rows(self, expected: np.ndarray, low: np.ndarray) -> list[dict]:
        """A row per series and day."""
        series, values, judged = self.known.series, self.values, self.pulled
        before = np.array([day.index - 1 for day in judged])
        # what is known now of the day before, and what was known of it a day ago
        olds = (
            self.known.known(self.newest_pulls)[:, before].T,
            self.raw[np.arange(len(judged)), :, before],
        )
        scopes = []
        for channel in self.channels:
            members = [i for i, (name, _) in enumerate(series) if name == channel]
            is_nothing = np.nansum(values[:, members], axis=1) == 0
            if self.known.is_occasional:
                low[:, members] = 0.0
            is_expected = np.nansum(low[:, members], axis=1) > 0
            is_alike = [(values[:, members] == old[:, members]).all(axis=1) for old in olds]
            scopes.append((channel, members, is_nothing, is_expected, is_alike))
        has_band = np.isfinite(low)
        rows: list[dict] = []
        for j, day in enumerate(judged):
            for channel, members, is_nothing, is_expected, is_alike in scopes:
                was_full = self._was_full(j, members, bool(is_nothing[j]), has_band[j])
                is_present = not (is_nothing[j] and (was_full or is_expected[j]))
                is_new = not any(
                    alike[j] and _is_copy(values[j, members], self.past[j, members])
                    for alike in is_alike
                )
                for i in members:
                    row = day.row(channel, series[i][1])
                    row["is_delivered"] = is_present
                    row["is_new"] = is_new
                    row["value"] = float(values[j, i])
                    row["expected"] = float(expected[j, i])
                    row["expected_low"] = float(low[j, i])
                    row["is_judged"] = was_full or bool(has_band[j, i])
                    rows.append(row)
        return rows

    def _was_full(self, j: int, members: list[int], is_nothing: bool, has_band: np.ndarray) -> bool:
        """Whether there is another reason than a band to expect something of a day."""
        if self.known.is_occasional:
            # nothing is expected of a day; a freeze shows in the days before it, whose figures
            # stop growing
            day = self.pulled[j]
            return is_nothing and day.is_newest and day.stands_still(members)
        # one channel is the whole stream: while there is no band, nothing at all is suspect
        is_needed = is_nothing or not has_band.all()
        return len(self.channels) == 1 and is_needed and _was_full(self.past[j, members])

    def _total_rows(self, found: Band) -> tuple[list[dict], np.ndarray]:
        """Rows of the sums over channels; [judged, measure] whether the sum is below its band."""
        totals = self.totals
        expected = found.expected.reshape(totals.shape)
        tail = _tail(self.pulled, np.full(len(self.names), "" in self.ill))
        low = found.low(tail=tail).reshape(totals.shape)
        rows = []
        for j, day in enumerate(self.pulled):
            is_nothing = not totals[j].sum()
            is_present = not (is_nothing and (np.nansum(low[j]) > 0 or _was_full(self.sums[j])))
            for i, name in enumerate(self.names):
                row = day.row("", name)
                row["is_delivered"] = is_present
                row["value"] = float(totals[j, i])
                row["expected"] = float(expected[j, i])
                row["expected_low"] = float(low[j, i])
                row["is_judged"] = bool(np.isfinite(low[j, i]))
                rows.append(row)
        return rows, totals < np.nan_to_num(low)


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


def _tail(judged: list[BusinessDay], is_ill: np.ndarray) -> np.ndarray:
    """[judged x series] how improbable a low value must be; the newest day of an ill one, less."""
    is_newest = np.array([day.is_newest for day in judged])
    return np.where(is_newest[:, None] & is_ill[None, :], TAIL_WHILE_OPEN, TAIL).ravel()


def _was_full(past: np.ndarray) -> bool:
    """The fallback while there is no band: the last few known days all had plenty."""
    known = past[:, ~np.isnan(past).all(axis=0)][:, -COLD_DAYS:]
    return known.shape[1] == COLD_DAYS and bool((np.nansum(known, axis=0) >= COLD_VALUE).all())


def _is_copy(now: np.ndarray, past: np.ndarray) -> bool:
    """Whether chance does not explain that a day has the figures of the day before."""
    chance = 1.0
    for value, series in zip(now, past, strict=True):
        steps = np.diff(series[~np.isnan(series)])
        repeats = float((steps == 0).mean()) if len(steps) else 1.0
        # a staff list is as long every day; a Poisson figure repeats itself now and then
        by_noise = min(1.0, 1 / (2 * math.sqrt(math.pi * value))) if value >= 1 else 1.0
        chance *= 1.0 if repeats > 0.1 else by_noise
    return chance < CHANCE_OF_COPY
