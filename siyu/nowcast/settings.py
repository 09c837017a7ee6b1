"""What the estimator may be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Choices of the final-value estimator. None of them is fitted to the series it judges.

    Attributes:
        weekday: development factors per weekday of the business day, and per kind of arrival day
            where a calendar of rest days is given; off: one factor per delay (pooled).
        shrinkage: weekday factors are shrunk to the pooled ones (Bühlmann-Straub) and the chain
            ladder to Bornhuetter-Ferguson, both as far as history says; off: neither.
        suppress: an estimate is shown only where its own back-test beats both naive rules.
        season: periods after which the pattern repeats: 7 for days, 1 where there is none.
        weeks: how many seasons of links (known at d, known at d + 1) make a development factor.
        prior_weights: weights of the same weekday 1, 2, ... weeks ago in the prior level.
        minimum_links: closed links that every step from a delay to the end needs for an estimate.
        minimum_tests: back-tested days that a delay needs before its estimate may be shown.
        tests: how many of the newest back-tested days decide whether it is shown.
        scores: how many of the newest back-tested errors make an interval.
        interval: nominal coverage of the interval.
        adaptation: step of the interval's level per miss, spread over the days that an outcome
            takes to be known (Gibbs and Candès' gamma; undivided it would swing).
        gain: share by which the mean error must be below that of each naive rule.
        sureness: how many standard errors the mean gain must be above zero.
        steadiness: consecutive days for which both must have held.
        nearly_complete: completeness from which the known number stands by itself.
        longest_delay: no delay beyond it is ever learnt to be the final one.
    """

    weekday: bool = True
    shrinkage: bool = True
    suppress: bool = True
    season: int = 7
    weeks: int = 8
    prior_weights: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    minimum_links: int = 7
    minimum_tests: int = 14
    tests: int = 56
    scores: int = 112
    interval: float = 0.8
    adaptation: float = 0.05
    gain: float = 0.1
    sureness: float = 2.5
    steadiness: int = 7
    nearly_complete: float = 0.97
    longest_delay: int = 60

    @property
    def is_textbook(self) -> bool:
        """Whether this is the published chain ladder: no weekday factors and no shrinkage."""
        return not self.weekday and not self.shrinkage
