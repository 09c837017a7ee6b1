"""Development factors: how much a number still grows from one delay to the next.

Entry `[series, origin, ...]` is made of what was known on the evening of day `origin` and of
nothing later. That is what makes a back-test honest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siyu.nowcast.settings import Settings
from siyu.nowcast.windows import rolling, safe_ratio

# where nothing is known at one delay and something at the next, a ratio has no end
LARGEST_FACTOR = 1e6
SMALLEST_FACTOR = 1e-3
NAMES = ("before", "after", "squares", "count")


@dataclass(frozen=True)
class RestDays:
    """Which days nobody works.

    Attributes:
        is_rest: for each day from the triangle's first one, at least days + delays of them.
    """

    is_rest: np.ndarray

    def usual(self, days: np.ndarray) -> np.ndarray:
        """Whether a day of this weekday is mostly a rest day."""
        by_weekday = np.array([self.is_rest[k::7].mean() > 0.5 for k in range(7)])
        return by_weekday[days % 7]


def log_development(
    known: np.ndarray, rest: RestDays | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Log of the development that is still to come, per origin and delay.

    Args:
        known: series x days x delays, the value of a day known at a delay; nan where unknown.
        rest: the calendar of rest days; None: weekdays alone.
        settings: see `Settings`.

    Returns:
        `log_to_final` (series x origins x delays): log of final / known for the day `origin - d`,
        and `links` of the same shape: the fewest closed links behind any of its steps.
    """
    series, days, delays = known.shape
    log_to_final = np.zeros((delays, series, days))
    links = np.full((delays, series, days), np.inf)
    for j in range(delays - 1):
        step = _Step(known, j, rest, settings)
        links[j] = step.links
        for d in range(j + 1):
            step.add_log_factor(log_to_final[d], d)
    links = np.minimum.accumulate(links[::-1], axis=0)[::-1]
    return np.moveaxis(log_to_final, 0, -1).copy(), np.moveaxis(links, 0, -1)


class _Step:
    """The step from delay j to j + 1, as each origin knows it. Groups are on the first axis.

    Attributes:
        links: series x origins, how many links (days known at both delays) it is made of.
    """

    def __init__(
        self, known: np.ndarray, j: int, rest: RestDays | None, settings: Settings
    ) -> None:
        self.j, self.lag = j, j + 1  # the newest link that origin o knows is that of day o - lag
        self.days, self.season = known.shape[1], settings.season
        self.window = self.days if settings.is_textbook else settings.season * settings.weeks
        link = _Links.of(known[:, :, j], known[:, :, j + 1])
        everything = link.reduced(self._newest)
        self.links = everything.count
        factor = ratio(everything.after, everything.before)
        self.pooled = np.log(factor)
        self.weekdays = self.odd = None
        if not settings.weekday or settings.season == 1:
            return
        prior = factor[None]
        if rest is not None:
            arrival = np.arange(self.days) + self.lag
            is_rest = rest.is_rest[arrival]
            is_odd = is_rest != rest.usual(arrival)
            kinds = self._kinds(link, is_rest, prior, settings)
            self.odd = np.where(is_odd, np.where(is_rest, 1, 0), -1)
            self.kinds = np.log(kinds)
            # of the seven newest days, the kind that each one's arrival day usually is
            newest = np.arange(self.days) - self.season + 1 + np.arange(self.season)[:, None]
            prior = np.where(rest.usual(newest)[:, None], kinds[1], kinds[0])
            link = link.where(~is_odd)
        of_weekday = link.reduced(lambda values: self._weekdays(values, settings.weeks))
        self.weekdays = np.log(shrunk(of_weekday, prior, settings.shrinkage))

    def add_log_factor(self, total: np.ndarray, d: int) -> None:
        """Add this step's log factor for the business day `origin - d` (series x origins)."""
        if self.weekdays is None:
            total += self.pooled
            return
        usual = self.weekdays[(self.j - d) % self.season]
        total += usual
        if self.odd is None:
            return
        # a day whose link closes on a holiday, or on a worked weekend, is none of its weekday's
        odd = np.full(self.days, -1)
        odd[d:] = self.odd[: self.days - d]
        for kind in (0, 1):
            at = np.flatnonzero(odd == kind)
            total[:, at] += self.kinds[kind][:, at] - usual[:, at]

    def _newest(self, values: np.ndarray) -> np.ndarray:
        """Sum over the window of links that each origin knows."""
        return rolling(values, self.window, self.lag)

    def _weekdays(self, values: np.ndarray, weeks: int) -> np.ndarray:
        """7 x series x origins: for the seven newest days whose link an origin knows, oldest
        first, the sum over that day and the same weekday of the weeks before it.
        """  # noqa: D205
        sums = np.zeros_like(values)
        for k in range(weeks):
            sums[:, k * self.season :] += values[:, : max(self.days - k * self.season, 0)]
        places = np.zeros((self.season, *values.shape))
        for place in range(self.season):
            back = self.lag + self.season - 1 - place
            places[place, :, back:] = sums[:, : max(self.days - back, 0)]
        return places

    def _kinds(
        self, link: "_Links", is_rest: np.ndarray, prior: np.ndarray, settings: Settings
    ) -> np.ndarray:
        """Factors of links that close on a working day and of those that close on a rest day."""
        parts = [link.where(mask).reduced(self._newest) for mask in (~is_rest, is_rest)]
        return shrunk(_Links.stacked(parts), prior, settings.shrinkage)


@dataclass(frozen=True)
class _Links:
    """Sums over links: values before and after, after squared / before, how many."""

    before: np.ndarray
    after: np.ndarray
    squares: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> "_Links":
        closed = ~(np.isnan(before) | np.isnan(after))
        before, after = np.where(closed, before, 0.0), np.where(closed, after, 0.0)
        return cls(before, after, safe_ratio(after**2, before), closed.astype(float))

    @classmethod
    def stacked(cls, parts: "list[_Links]") -> "_Links":
        return cls(*(np.stack([getattr(p, name) for p in parts]) for name in NAMES))

    def where(self, mask: np.ndarray) -> "_Links":
        return self.reduced(lambda values: values * mask)

    def reduced(self, change: Callable[[np.ndarray], np.ndarray]) -> "_Links":
        return _Links(*(change(getattr(self, name)) for name in NAMES))


def shrunk(groups: _Links, prior: np.ndarray, shrinkage: bool) -> np.ndarray:
    """Factors of groups (first axis), each drawn to its prior as far as chance explains it.

    Bühlmann and Straub (1970): weight = tau2 V / (tau2 V + sigma2), where V is the group's volume,
    sigma2 the spread of single links inside the groups and tau2 what the groups differ by beyond.
    """
    volume = groups.before
    raw = np.where(volume > 0, ratio(groups.after, volume), prior)
    if not shrinkage:
        return raw
    places = len(volume)
    freedom = np.maximum(groups.count.sum(axis=0) - places, 1)
    spread = groups.squares.sum(axis=0) - safe_ratio(groups.after**2, volume).sum(axis=0)
    inside = np.maximum(spread, 0) / freedom
    away = raw - prior
    total = volume.sum(axis=0)
    norm = total - safe_ratio((volume**2).sum(axis=0), total)
    between = (volume * away**2).sum(axis=0) - (places - 1) * inside
    heard = np.maximum(safe_ratio(between, norm), 0) * volume
    return prior + safe_ratio(heard, heard + inside) * away


def ratio(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """After / before within bounds; 1 where nothing was there at either time."""
    empty = np.where(after > 0, LARGEST_FACTOR, 1.0)
    factor = np.divide(after, before, out=empty, where=before > 0)
    return np.clip(factor, SMALLEST_FACTOR, LARGEST_FACTOR)
