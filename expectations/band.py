"""How little of a business day is too little: the lower band of what is known at the same age.

Like is compared with like: what is known of a day, so many hours after it began, with what was
known of earlier days at that age. So lateness that is normal (lead forms: half on the first day)
is in the expectation and needs no model. docs/quality.md explains each number here.
"""

import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from siyu.calendar import is_holiday

MIN_HISTORY_DAYS = 14  # fewer: no band, the contract's times alone are judged
LEVEL_DAYS = 28  # days that make the level
TAIL = 1e-5  # chance that a healthy series falls below its band on one day
# the same while its incident is open: a source known to be ill must prove that it is well
TAIL_WHILE_OPEN = 1e-3
MATERIAL = 0.5  # and it must be less than this share of what is expected
DISPERSION_FLOOR = 0.03  # (coefficient of variation)^2 beyond counting noise: 17 %
DISPERSION_PRIOR_DAYS = 10  # weight of the siblings' dispersion against the series' own
FITTED_PARAMETERS = 4.0  # level, and a rhythm that is mostly its siblings'
VIRAL = 0.6  # a day above its fit counts as this much above it at most
DISPERSION_DOUBT = 2.0  # standard errors of it that are added, n days: this / sqrt(n)
RHYTHM_DOUBT = 100.0  # weeks of prior per unit of squared coefficient of variation
FEW_THINGS = 10.0  # a series made of fewer things a day than this may well have a day of nothing
BELOW_WORST = 0.6  # and below this share of the worst of its last healthy days
WILD = 0.35  # a series whose healthy days fall this low may well have a day of nothing
HOLIDAY_SHARE = 0.45  # of a normal day, while fewer than two holidays are known
LARGE = 10.0  # expected value from which a series says something about its siblings' day
SHOCK_FLOOR, HOLIDAY_SHOCK_FLOOR = 0.5, 0.15  # how far siblings may lower an expectation
MONEY = frozenset({"cost", "order_price"})  # sums of amounts: no counting noise


@dataclass(frozen=True)
class Cases:
    """Series and days to be judged, one row each; the day axis is shared.

    Attributes:
        past: [row, day] values known at the row's age; NaN where unknown or not to be learnt from
            (the day was bad, or nobody looked at that age, or it is not before the target).
        targets: ordinal of the day each row judges.
        groups: rows with one number are siblings: one measure of one stream on one target day.
        is_money: rows that sum amounts.
    """

    past: np.ndarray
    days: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    is_money: np.ndarray


@dataclass(frozen=True)
class Band:
    """Per row: the plain expectation, and the one with holidays in it; NaN without enough history.

    `dispersion` is the squared coefficient of variation beyond counting noise, `worst` the share of
    their fit that the worst days had, `days` the days that all of this rests on.
    """

    plain: np.ndarray
    expected: np.ndarray
    dispersion: np.ndarray
    worst: np.ndarray
    days: np.ndarray
    is_money: np.ndarray

    def low(
        self, expected: np.ndarray | None = None, tail: np.ndarray | float = TAIL
    ) -> np.ndarray:
        """Below this a row fails; 0 where no value could be too low, NaN without a band."""
        expected = self.expected if expected is None else expected
        low = _low(expected, self.dispersion, self.is_money, np.broadcast_to(tail, expected.shape))
        # whatever a model says: not what the series itself has been through in good health
        tame = np.where(self.worst >= WILD, self.worst, 0.0)
        with np.errstate(invalid="ignore"):  # no band stays no band
            return np.minimum(low, BELOW_WORST * tame * expected)

    def rows(self, wanted: slice) -> "Band":
        """Some of the rows."""
        return Band(**{name: values[wanted] for name, values in vars(self).items()})


@cache
def is_public_holiday(day: date) -> bool:
    """Whether a day belongs to a run of days off that takes in an ordinary working day.

    Weekends rest each week and are normal; a weekend inside Golden Week is not.
    """
    if not is_holiday(day):
        return False
    run = [day]
    for step in (-1, 1):
        other = day + timedelta(step)
        while is_holiday(other):
            run.append(other)
            other += timedelta(step)
    return any(d.weekday() < 5 for d in run)


@cache
def is_moved_working_day(day: date) -> bool:
    """Whether people work on this Saturday or Sunday, to make up for a holiday."""
    return day.weekday() >= 5 and not is_holiday(day)


def band(cases: Cases) -> Band:
    """What each row should have, and how sure that is, from its own past and its siblings'."""
    dates = [date.fromordinal(int(day)) for day in cases.days]
    holidays = np.array([is_public_holiday(day) for day in dates], dtype=bool)
    odd = holidays | np.array([is_moved_working_day(day) for day in dates], dtype=bool)
    weekdays = (cases.days + 6) % 7  # ordinal 1 was a Monday
    past = _from_first_life(cases.past)
    normal = _newest(np.where(odd[None, :], np.nan, past), LEVEL_DAYS)
    count = (~np.isnan(normal)).sum(axis=1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # means of empty slices are NaN on purpose: such rows have no band
        warnings.simplefilter("ignore", RuntimeWarning)
        rhythm = _weekday_factors(normal, weekdays, cases.groups)
        level = _level(normal / rhythm[:, weekdays])
        fitted = level[:, None] * rhythm[:, weekdays]
        dispersion = _dispersion(normal, fitted, cases, count)
        plain = level * _target_factors(rhythm, cases.targets)
        worst = _worst(normal / fitted, count)
        share = _holiday_share(past, fitted, holidays, cases)
    plain = np.where(count >= MIN_HISTORY_DAYS, plain, np.nan)
    return Band(plain, plain * share, dispersion, worst, count, cases.is_money)


def bands(cases: list[Cases]) -> list[Band]:
    """The band of each; those with the same day axis are worked out together.

    On frames this small numpy's calls cost more than its sums.
    """
    by_axis: dict[bytes, list[int]] = {}
    for number, case in enumerate(cases):
        by_axis.setdefault(case.days.tobytes(), []).append(number)
    found: dict[int, Band] = {}
    for numbers in by_axis.values():
        together = [cases[number] for number in numbers]
        whole = band(_joined(together))
        ends = np.cumsum([len(case.targets) for case in together])
        for number, case, end in zip(numbers, together, ends, strict=True):
            found[number] = whole.rows(slice(end - len(case.targets), end))
    return [found[number] for number in range(len(cases))]


def _joined(cases: list[Cases]) -> Cases:
    """All rows as one; groups of different cases stay apart."""
    counts = [case.groups.max(initial=-1) + 1 for case in cases]
    offsets = np.cumsum([0, *counts[:-1]])
    return Cases(
        past=np.concatenate([case.past for case in cases]),
        days=cases[0].days,
        targets=np.concatenate([case.targets for case in cases]),
        groups=np.concatenate([c.groups + n for c, n in zip(cases, offsets, strict=True)]),
        is_money=np.concatenate([case.is_money for case in cases]),
    )


def common_share(
    plain: np.ndarray, observed: np.ndarray, groups: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """[row] share of a normal day that the row's large siblings have in common; NaN: nobody knows.

    The median over the others, so that one dead channel moves nothing.
    """
    share = np.full(len(plain), np.nan)
    large: dict[int, list[tuple[float, int]]] = {}  # group -> its large rows, lowest share first
    rows = np.flatnonzero(plain >= LARGE)
    for found in sorted(zip((observed[rows] / plain[rows]).tolist(), rows.tolist(), strict=True)):
        large.setdefault(int(groups[found[1]]), []).append(found)
    for row, group in enumerate(groups.tolist()):
        others = [ratio for ratio, other in large.get(group, ()) if other != row]
        if len(others) >= 2:
            on_holiday = is_public_holiday(date.fromordinal(int(targets[row])))
            floor = HOLIDAY_SHOCK_FLOOR if on_holiday else SHOCK_FLOOR
            middle = (others[(len(others) - 1) // 2] + others[len(others) // 2]) / 2
            share[row] = min(max(middle, floor), 1.0)
    return share


def lowered(found: Band, share: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Expectations that take today's common share into account.

    On a holiday the siblings know the day better than the calendar does; on other days they can
    only lower an expectation.
    """
    on_holiday = np.array(
        [is_public_holiday(date.fromordinal(int(day))) for day in targets], dtype=bool
    )
    with_siblings = found.plain * share
    usual = np.where(on_holiday, with_siblings, np.fmin(found.expected, with_siblings))
    return np.where(np.isnan(share), found.expected, usual)


def _from_first_life(past: np.ndarray) -> np.ndarray:
    """Forget the zeros before a series' first value: it did not exist yet."""
    lived = np.maximum.accumulate(np.nan_to_num(past) > 0, axis=1)
    return np.where(lived, past, np.nan)


def _newest(past: np.ndarray, wanted: int) -> np.ndarray:
    """Keep each row's newest known values only, as many as wanted."""
    known = ~np.isnan(past)
    rank = np.cumsum(known[:, ::-1], axis=1)[:, ::-1]
    return np.where(known & (rank <= wanted), past, np.nan)


def _quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Quantile along the last axis without NaN; several times faster than numpy's on small rows."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)
    place = share * np.maximum(count - 1, 0)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low = np.take_along_axis(ordered, below[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, above[..., None], axis=-1)[..., 0]
    return np.where(count > 0, low + (high - low) * (place - below), np.nan)


def _sum_by(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum rows of a group, given back to each of its rows; NaN counts as nothing."""
    _, inverse = np.unique(groups, return_inverse=True)
    sums = np.zeros((inverse.max(initial=-1) + 1, *values.shape[1:]))
    np.add.at(sums, inverse, np.nan_to_num(values))
    return sums[inverse]


def _weekday_factors(normal: np.ndarray, weekdays: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """[row, 7] share of each weekday, 1 on average: siblings' rhythm, own where volume allows."""
    scale = np.nanmean(normal, axis=1, keepdims=True)
    # large siblings know the rhythm best
    weight = np.where(np.isnan(normal), 0, np.nan_to_num(scale))
    pooled = _sum_by(groups, weight * normal / scale) / _sum_by(groups, weight)
    prior = _rhythm(pooled, weekdays, np.ones((len(normal), 7)), _doubt(pooled))
    # counting noise of a small series drowns its rhythm
    counting = 60.0 / np.maximum(np.nan_to_num(scale[:, 0]), 1e-9)
    return _rhythm(normal, weekdays, prior, _doubt(normal) + counting)


def _doubt(values: np.ndarray) -> np.ndarray:
    """[row] how many weeks of the prior rhythm the noise of these values is worth."""
    spread = (_quantile(values, 0.75) - _quantile(values, 0.25)) / 1.35
    return 2.0 + RHYTHM_DOUBT * np.nan_to_num((spread / _quantile(values, 0.5)) ** 2, posinf=1.0)


def _rhythm(
    values: np.ndarray, weekdays: np.ndarray, prior: np.ndarray, prior_weight: np.ndarray
) -> np.ndarray:
    medians, counts = [], []
    for weekday in range(7):
        of_day = values[:, weekdays == weekday]
        medians.append(_quantile(of_day, 0.5) if of_day.shape[1] else np.full(len(values), np.nan))
        counts.append((~np.isnan(of_day)).sum(axis=1))
    raw = np.stack(medians, axis=1)
    raw = raw / np.nanmean(raw, axis=1, keepdims=True)
    count = np.where(np.isfinite(raw), np.stack(counts, axis=1), 0)
    raw = np.where(np.isfinite(raw), raw, 1.0)
    weight = prior_weight[:, None]
    factors = (count * raw + weight * prior) / (count + weight)
    return np.clip(factors / factors.mean(axis=1, keepdims=True), 0.1, 5.0)


def _level(adjusted: np.ndarray) -> np.ndarray:
    """The level of days without their weekday: robust, and not above the last week's by much."""
    median = _quantile(adjusted, 0.5)
    low, high = _quantile(adjusted, 0.1)[:, None], _quantile(adjusted, 0.9)[:, None]
    trimmed = np.nanmean(np.where((adjusted >= low) & (adjusted <= high), adjusted, np.nan), axis=1)
    mean = np.nanmean(adjusted, axis=1)
    level = np.where(median >= LARGE, median, np.minimum(trimmed, mean))
    return np.fmin(level, 1.25 * np.nanmean(_newest(adjusted, 7), axis=1))


def _dispersion(
    normal: np.ndarray, fitted: np.ndarray, cases: Cases, count: np.ndarray
) -> np.ndarray:
    """[row] squared coefficient of variation beyond counting noise.

    A day that goes viral says little about how low is normal, so days above their fit are cut.
    """
    residual = np.minimum(normal - fitted, VIRAL * fitted) ** 2
    below = np.where(normal < fitted, residual, np.where(np.isnan(normal), np.nan, 0.0))
    spread = np.fmax(np.nanmean(residual, axis=1), 2 * np.nanmean(below, axis=1))
    mean = np.nan_to_num(np.nanmean(fitted, axis=1))
    noise = np.where(cases.is_money, 0.0, mean)
    # level and rhythm were fitted to the same days
    spread = spread * count / np.maximum(count - FITTED_PARAMETERS, 1)
    own = (spread - noise) / np.nanmean(fitted**2, axis=1)
    own = np.clip(np.where(np.isfinite(own), own, 0.0), 0.0, 2.0)
    # a row's own figure is worth its days and its volume
    worth = count * mean / (mean + LARGE)
    pooled = _sum_by(cases.groups, worth * own) / np.maximum(_sum_by(cases.groups, worth), 1e-9)
    shrunk = (worth * own + DISPERSION_PRIOR_DAYS * pooled) / (worth + DISPERSION_PRIOR_DAYS)
    # a month of days does not pin a variance down: take what it may well be
    unsure = 1 + DISPERSION_DOUBT / np.sqrt(np.maximum(count, 1))
    return np.maximum(DISPERSION_FLOOR, shrunk * unsure + 0.3 / np.maximum(count, 1))


def _worst(ratios: np.ndarray, count: np.ndarray) -> np.ndarray:
    """[row] the worst healthy day against its fit; of three weeks and more the second worst.

    A bad day that nobody noticed must not blind the band for a month.
    """
    ordered = np.sort(ratios, axis=1)
    if ordered.shape[1] < 2:
        return np.full(len(ratios), np.nan)
    return np.where(count >= 21, ordered[:, 1], ordered[:, 0])


def _target_factors(rhythm: np.ndarray, targets: np.ndarray) -> np.ndarray:
    factors = rhythm[np.arange(len(targets)), (targets + 6) % 7]
    days = [date.fromordinal(int(day)) for day in targets]
    rest, work = rhythm[:, 5:].mean(axis=1), rhythm[:, :5].mean(axis=1)
    # nobody knows whether such a day is like its weekday or like the days it replaces
    factors = np.where([is_public_holiday(day) for day in days], np.minimum(factors, rest), factors)
    return np.where([is_moved_working_day(day) for day in days], np.minimum(factors, work), factors)


def _holiday_share(
    past: np.ndarray, fitted: np.ndarray, holidays: np.ndarray, cases: Cases
) -> np.ndarray:
    """[row] what earlier public holidays had of a normal day; 1 on any other day."""
    on_holiday = np.array(
        [is_public_holiday(date.fromordinal(int(day))) for day in cases.targets], dtype=bool
    )
    share = np.where(on_holiday, HOLIDAY_SHARE, 1.0)
    if on_holiday.any() and holidays.any():
        seen = past[:, holidays]
        usual = np.where(np.isnan(seen), np.nan, fitted[:, holidays])
        common = _sum_by(cases.groups, seen) / _sum_by(cases.groups, usual)
        known = np.isfinite(common).sum(axis=1) >= 2
        # the worst of the few that are known, and some room below it
        worst = np.clip(
            0.8 * np.nanmin(np.where(np.isfinite(common), common, np.nan), axis=1), 0.1, 1.0
        )
        share = np.where(on_holiday & known, worst, share)
    return share


def _low(
    expected: np.ndarray, dispersion: np.ndarray, is_money: np.ndarray, tail: np.ndarray
) -> np.ndarray:
    # not scipy.stats: importing that takes a second, and these are its own quantile functions
    from scipy import special

    mean = np.maximum(np.nan_to_num(expected), 1e-9)
    shape = 1 / np.nan_to_num(dispersion, nan=1.0)
    amounts = special.gammaincinv(shape, tail) * mean / shape
    # a sum of few amounts can be nothing; its dispersion tells how many it is made of
    amounts = np.where(shape > FEW_THINGS, amounts, 0.0)
    counts = np.zeros_like(mean)
    # a negative binomial that is zero more often than the tail has no lower band; nor has a large
    # count that stands for few things (400 views that 5 clicks brought), which its dispersion shows
    can_fail = ~is_money & (shape * np.log1p(mean / shape) > -np.log(tail)) & (shape > FEW_THINGS)
    if can_fail.any():
        k = shape[can_fail]
        counts[can_fail] = np.ceil(special.nbdtrik(tail[can_fail], k, k / (k + mean[can_fail])))
    low = np.minimum(np.where(is_money, amounts, counts), MATERIAL * mean)
    return np.where(np.isnan(expected), np.nan, low)
