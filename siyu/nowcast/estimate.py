"""The estimate of every day at every delay, as it would have been made on that day."""

from dataclasses import dataclass

import numpy as np

from siyu.nowcast.factors import RestDays, log_development
from siyu.nowcast.settings import Settings
from siyu.nowcast.windows import by_origin, closed_sums, earlier


@dataclass(frozen=True)
class Estimates:
    """Arrays of series x origins x delays; the business day of an entry is origin - delay.

    Attributes:
        value: what was known.
        estimate: the final value as estimated then; nan where it cannot be.
        completeness: expected known / final by the development factors; nan without history.
        last_week: what was known then of the same weekday a week earlier.
        final: what the day became, nan where it is not closed yet.
    """

    value: np.ndarray
    estimate: np.ndarray
    completeness: np.ndarray
    last_week: np.ndarray
    final: np.ndarray

    def over(self, other: "Estimates") -> "Estimates":
        """This divided by another, for ratios: every part apart, null where the other is 0."""
        parts = []
        for name in ("value", "estimate", "completeness", "last_week", "final"):
            top, bottom = getattr(self, name), getattr(other, name)
            if name == "completeness":
                parts.append(np.minimum(top, bottom))
            else:
                empty = np.full(top.shape, np.nan)
                parts.append(np.divide(top, bottom, out=empty, where=bottom > 0))
        return Estimates(*parts)


def estimate_all(known: np.ndarray, rest: RestDays | None, settings: Settings) -> Estimates:
    """Estimate every cell of a triangle from what lies on or before its own diagonal."""
    last = known.shape[2] - 1
    value = by_origin(known)
    final = by_origin(np.broadcast_to(known[:, :, -1:], known.shape))
    log_to_final, links = log_development(known, rest, settings)
    enough = links >= (1 if settings.is_textbook else settings.minimum_links)
    log_to_final[~enough] = np.nan
    log_to_final[:, :, last] = 0.0
    completeness = np.exp(-log_to_final)
    chain_ladder = value / completeness
    estimate = chain_ladder
    if settings.shrinkage:
        prior = _level(chain_ladder, settings)
        estimate = _blend(value, chain_ladder, completeness, prior, final, settings)
        estimate[:, :, last] = value[:, :, last]
    return Estimates(value, estimate, completeness, earlier(value, settings.season), final)


def _level(chain_ladder: np.ndarray, settings: Settings) -> np.ndarray:
    """The prior: weighted mean of the same weekday's ultimates in the weeks before."""
    total = np.zeros_like(chain_ladder)
    weights = np.zeros_like(chain_ladder)
    for k, weight in enumerate(settings.prior_weights, start=1):
        ultimate = earlier(chain_ladder, k * settings.season)
        there = np.isfinite(ultimate)
        total += np.where(there, weight * ultimate, 0.0)
        weights += np.where(there, weight, 0.0)
    return np.divide(total, weights, out=np.full_like(total, np.nan), where=weights > 0)


def _blend(
    value: np.ndarray,
    chain_ladder: np.ndarray,
    completeness: np.ndarray,
    prior: np.ndarray,
    final: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """Chain ladder and Bornhuetter-Ferguson in the proportion that was best on closed days.

    The weight of the chain ladder at a delay minimises the squared error over the newest closed
    days; before there are enough it is the completeness itself (Benktander 1976). A count of zero
    carries no ratio: there it is Bornhuetter-Ferguson alone.
    """
    bornhuetter = value + (1 - completeness) * prior
    size = np.maximum(prior, 1.0)
    missed_by = (bornhuetter - final) / size
    gap = (bornhuetter - chain_ladder) / size
    usable = np.isfinite(missed_by) & np.isfinite(gap)
    shared = closed_sums(np.where(usable, missed_by * gap, 0.0), settings.tests)
    squared = closed_sums(np.where(usable, gap**2, 0.0), settings.tests)
    count = closed_sums(usable.astype(float), settings.tests)
    learnt = np.divide(shared, squared, out=np.ones_like(shared), where=squared > 0)
    weight = np.where(count >= settings.minimum_tests, learnt, completeness)
    weight = np.where(value > 0, np.clip(weight, 0, 1), 0.0)
    mixed = weight * chain_ladder + (1 - weight) * bornhuetter
    return np.where(np.isnan(prior) & (value > 0), chain_ladder, mixed)
