"""Which estimates have earned to be shown, and how wide their intervals must be."""

from dataclasses import dataclass

import numpy as np

from siyu.nowcast.estimate import Estimates
from siyu.nowcast.settings import Settings
from siyu.nowcast.windows import by_origin, closed_sums, rolling, safe_ratio, trailing_sums

# the level of one tail stays within these: an interval is never all or nothing
WIDEST, NARROWEST = 0.004, 0.4

# why a row has no estimate, as written and in words; a verdict holds the place in this list
REASONS = {
    "": "shown",
    "final": "closed: the known number is final",
    "not_observed": "nothing was ever pulled for this day",
    "no_history": "too few closed days to estimate and to back-test at this delay",
    "nearly_complete": "so nearly complete that the known number stands by itself",
    "not_better_than_raw": "its back-test does not beat the known number",
    "not_better_than_last_week": "its back-test does not beat the same weekday last week",
}
(
    SHOWN,
    FINAL,
    NOT_OBSERVED,
    NO_HISTORY,
    NEARLY_COMPLETE,
    NOT_BETTER_THAN_RAW,
    NOT_BETTER_THAN_LAST_WEEK,
) = range(len(REASONS))


@dataclass(frozen=True)
class Verdict:
    """Series x origins x delays: what was known of an estimate's worth when it was made.

    Attributes:
        reason: why it is not shown, as a place in REASONS; 0 where it is.
        center: middle of the interval: the estimate, whole for counts.
        scale: unit of the scores.
        scores: (final - center) / scale, nan while open.
        level_low: share of the past scores that is left below the interval; it starts at 0.1.
        level_high: the same above it.
        missed_low: whether the final value came below the interval.
        missed_high: the same above it.
        floor: the value itself where nothing ever shrank, else minus infinity.
        tests: closed days behind the verdict.
    """

    reason: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    scores: np.ndarray
    level_low: np.ndarray
    level_high: np.ndarray
    missed_low: np.ndarray
    missed_high: np.ndarray
    floor: np.ndarray
    tests: np.ndarray


def judge(known: np.ndarray | None, made: Estimates, settings: Settings) -> Verdict:
    """Judge every estimate by those before it whose outcome was known when it was made.

    Args:
        known: series x days x delays, to learn whether the values are counts and ever shrink;
            None for ratios, which may be anything.
        made: the estimates.
        settings: see `Settings`.
    """
    usable = np.isfinite(made.final) & np.isfinite(made.estimate) & np.isfinite(made.value)
    tests = closed_sums(usable.astype(float), settings.tests)
    beats_raw = _beats(made.value, made, usable, settings)
    beats_last_week = _beats(made.last_week, made, usable, settings)
    reason = np.full(tests.shape, SHOWN, dtype=np.int8)
    reason[~beats_last_week] = NOT_BETTER_THAN_LAST_WEEK
    reason[~beats_raw] = NOT_BETTER_THAN_RAW
    is_near = (
        # a ratio of two half-known numbers may be as high as the final one, or higher
        made.completeness >= settings.nearly_complete
        if known is None
        else _nearly_complete(made, usable, settings)
    )
    reason[np.maximum.accumulate(is_near, axis=2)] = NEARLY_COMPLETE
    reason[(tests < settings.minimum_tests) | ~np.isfinite(made.estimate)] = NO_HISTORY
    reason[np.isnan(made.value)] = NOT_OBSERVED
    reason[:, :, -1] = np.where(np.isnan(made.value[:, :, -1]), NOT_OBSERVED, FINAL)

    center, scale, floor = made.estimate, np.abs(made.estimate), np.full(tests.shape, -np.inf)
    if known is not None:
        is_whole = _so_far(by_origin(_is_whole(known)))
        center = np.where(is_whole[:, :, None], np.rint(center), center)
        scale = np.maximum(scale, 1.0)
        grows = _so_far(by_origin(_grows(known)))
        floor = np.where(grows[:, :, None], made.value, -np.inf)
    scores = np.full(tests.shape, np.nan)
    np.divide(made.final - center, scale, out=scores, where=usable & (scale > 0))
    below, above, count = _ranks(scores, settings.scores)
    level_low, missed_low = _adapted(below, count, scores, settings)
    level_high, missed_high = _adapted(above, count, scores, settings)
    return Verdict(
        reason=reason,
        center=center,
        scale=scale,
        scores=scores,
        level_low=level_low,
        level_high=level_high,
        missed_low=missed_low,
        missed_high=missed_high,
        floor=floor,
        tests=tests,
    )


def intervals(verdict: Verdict, origin: int, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of the interval, series x delays, for the estimates made at one origin."""
    scores = closed_before(verdict.scores, origin, settings.scores)
    count = np.isfinite(scores).sum(axis=1)
    scores = np.sort(scores, axis=1)  # nan last
    low = place(verdict.level_low[:, origin], count)
    high = count + 1 - place(verdict.level_high[:, origin], count)
    ends = []
    for rank in (low, high):
        at = np.clip(rank, 1, np.maximum(count, 1)).astype(int) - 1
        score = np.take_along_axis(scores, at[:, None, :], axis=1)[:, 0, :]
        ends.append(verdict.center[:, origin] + score * verdict.scale[:, origin])
    floor = np.maximum(verdict.floor[:, origin], 0.0)
    return np.maximum(ends[0], floor), np.maximum(ends[1], floor)


def closed_before(entries: np.ndarray, origin: int, window: int) -> np.ndarray:
    """Series x window x delays: the newest entries whose outcome was known at an origin."""
    delays = entries.shape[2]
    delay = np.arange(delays)
    end = origin - (delays - 1 - delay)
    at = end[None, :] - np.arange(window)[:, None]
    return np.where(at >= 0, entries[:, np.clip(at, 0, None), delay[None, :]], np.nan)


def place(level: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Which of the sorted scores, counted from 1 at its own end, bounds the interval."""
    return np.maximum(np.floor(level * (count + 1) + 0.5), 1)


def _beats(
    naive: np.ndarray, made: Estimates, usable: np.ndarray, settings: Settings
) -> np.ndarray:
    """Whether the estimate was surely and materially closer than a naive rule, for a week now.

    Both by the mean error and by the mean error relative to the final value, so that neither
    big nor small days decide alone.
    """
    error, naive_error = np.abs(made.final - made.estimate), np.abs(made.final - naive)
    both = usable & np.isfinite(naive_error)
    count = np.maximum(closed_sums(both.astype(float), settings.tests), 1)
    better = np.ones(error.shape, dtype=bool)
    size = np.abs(made.final)
    for unit, counts in ((np.ones_like(size), both), (size, both & (size > 0))):
        per_unit = np.divide(1.0, unit, out=np.zeros_like(unit), where=counts)
        gain = np.where(counts, naive_error - error, 0.0) * per_unit
        total = closed_sums(gain, settings.tests)
        spread = closed_sums(gain**2, settings.tests) - total**2 / count
        naive_total = closed_sums(np.where(counts, naive_error, 0.0) * per_unit, settings.tests)
        better &= total > settings.sureness * np.sqrt(np.maximum(spread, 0))
        better &= total > settings.gain * naive_total
        better &= closed_sums(gain, settings.minimum_tests) > 0
    no_lag = np.zeros(better.shape[2], dtype=int)
    held = trailing_sums(better.astype(float), settings.steadiness, no_lag)
    return held >= settings.steadiness


def _nearly_complete(made: Estimates, usable: np.ndarray, settings: Settings) -> np.ndarray:
    """Whether closed days were nearly complete at this delay.

    By all the tests or by the newest few: a source that has become quicker is believed at once.
    """
    is_near = np.zeros(usable.shape, dtype=bool)
    for window in (usable.shape[1], settings.minimum_tests):
        known, final = (
            closed_sums(np.where(usable, values, 0.0), window)
            for values in (made.value, made.final)
        )
        is_near |= safe_ratio(known, final) >= settings.nearly_complete
    return is_near


def _is_whole(known: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(known), True, known == np.rint(known)).astype(float)


def _grows(known: np.ndarray) -> np.ndarray:
    """Whether each cell is at least the one before it."""
    growth = np.ones(known.shape)
    step = np.diff(known, axis=2)
    growth[:, :, 1:] = np.where(np.isnan(step), True, step >= 0)
    return growth


def _so_far(flags: np.ndarray) -> np.ndarray:
    """Series x origins: whether it has held for everything known by then."""
    there = np.where(np.isnan(flags), 1.0, flags).min(axis=2)
    return np.minimum.accumulate(there, axis=1) > 0


def _ranks(scores: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the scores closed when an entry was made: how many are <=, >= its own, and are there."""
    below, above, count = (np.zeros(scores.shape, dtype=np.int16) for _ in range(3))
    delays = scores.shape[2]
    for d in range(delays - 1):
        lag = delays - 1 - d
        own = np.ascontiguousarray(scores[:, :, d])
        is_there = np.isfinite(own)
        count[:, :, d] = rolling(is_there.astype(float), window, lag)
        there = np.flatnonzero(is_there.any(axis=0))
        if not len(there):
            continue
        own = own[:, there[0] : there[-1] + 1]
        under, over = (np.zeros(own.shape, dtype=np.int16) for _ in range(2))
        for apart in range(lag, min(lag + window, own.shape[1])):
            past, later = own[:, : own.shape[1] - apart], own[:, apart:]
            under[:, apart:] += past <= later
            over[:, apart:] += past >= later
        below[:, there[0] : there[-1] + 1, d] = under
        above[:, there[0] : there[-1] + 1, d] = over
    return below, above, count


def _adapted(
    rank: np.ndarray, count: np.ndarray, scores: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """One tail's level and whether it was missed (Gibbs and Candès 2021, with late feedback).

    After each outcome the level moves by gamma (target - missed). An outcome is known `lag` days
    after its estimate, when `lag` more estimates stand on the old level: so gamma is divided by
    1 + lag, lest they all push the same way.
    """
    series, days, delays = rank.shape
    target = (1 - settings.interval) / 2
    level, missed = np.empty(rank.shape), np.zeros(rank.shape, dtype=bool)
    delay = np.arange(delays)
    lag = delays - 1 - delay
    step = settings.adaptation / (1 + lag)
    told = np.isfinite(scores) & (count >= settings.minimum_tests)
    now = np.full((series, delays), target)
    for origin in range(days):
        outcome = np.clip(origin - lag, 0, None)  # nothing was told of the first day
        heard = told[:, outcome, delay] & (lag > 0)
        moved = np.clip(now + step * (target - missed[:, outcome, delay]), WIDEST, NARROWEST)
        now = np.where(heard, moved, now)
        level[:, origin] = now
        missed[:, origin] = rank[:, origin] < place(now, count[:, origin])
    return level, missed


def completeness_spread(
    made: Estimates, origin: int, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of completeness at an origin: how far closed days lay from what was expected."""
    share = safe_ratio(made.value, np.where(made.final > 0, made.final, 0.0))
    off = np.where(made.final > 0, share / made.completeness, np.nan)
    past = np.sort(closed_before(off, origin, settings.tests), axis=1)
    count = np.isfinite(past).sum(axis=1)
    tail = (1 - settings.interval) / 2
    ends = []
    for rank in (place(tail, count), count + 1 - place(tail, count)):
        at = np.clip(rank, 1, np.maximum(count, 1)).astype(int) - 1
        ends.append(np.take_along_axis(past, at[:, None, :], axis=1)[:, 0, :])
    now = made.completeness[:, origin]
    return tuple(np.clip(now * end, 0, 1) for end in ends)
