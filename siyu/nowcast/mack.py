"""The textbook chain ladder with Mack's standard error, for one triangle.

Mack, T. (1993): Distribution-free calculation of the standard error of chain ladder reserve
estimates. ASTIN Bulletin 23(2), 213-225.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mack:
    """Result of the chain ladder.

    Attributes:
        factors: development factor of each step.
        ultimates: final value of each period.
        errors: standard error of each period's ultimate.
        reserve: sum of what is still to come.
        error: standard error of the reserve, with the correlation that common factors bring.
    """

    factors: np.ndarray
    ultimates: np.ndarray
    errors: np.ndarray
    reserve: float
    error: float

    def interval(self, z: float) -> tuple[np.ndarray, np.ndarray]:
        """Low and high of each ultimate, log-normal as Mack (1993) advises for skewed claims."""
        relative = np.divide(
            self.errors, self.ultimates, out=np.zeros_like(self.errors), where=self.ultimates > 0
        )
        variance = np.log1p(relative**2)
        middle = self.ultimates * np.exp(-variance / 2)
        spread = np.exp(z * np.sqrt(variance))
        return middle / spread, middle * spread


def mack(known: np.ndarray) -> Mack:
    """Fit periods x delays; nan where unknown. A period without a known value counts nothing.

    The last sigma squared, of a step with one link, is Mack's min(s[-1]^2 / s[-2], s[-2], s[-1]).
    """
    known = known[np.isfinite(known[:, 0])]
    periods, delays = known.shape
    steps = delays - 1
    factors, sigma2, volume = np.ones(steps), np.zeros(steps), np.zeros(steps)
    for j in range(steps):
        both = np.isfinite(known[:, j]) & np.isfinite(known[:, j + 1])
        before, after = known[both, j], known[both, j + 1]
        volume[j] = before.sum()
        if volume[j] > 0:
            factors[j] = after.sum() / volume[j]
        positive = before > 0
        if both.sum() > 1:
            single = after[positive] / before[positive]
            spread = (before[positive] * (single - factors[j]) ** 2).sum()
            sigma2[j] = spread / (both.sum() - 1)
        elif j > 1 and sigma2[j - 2] > 0:
            sigma2[j] = min(sigma2[j - 1] ** 2 / sigma2[j - 2], sigma2[j - 2], sigma2[j - 1])
    newest = np.isfinite(known).sum(axis=1) - 1
    value = known[np.arange(periods), newest]
    to_final = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
    ultimates = value * to_final[newest]
    relative = np.divide(
        sigma2, factors**2 * volume, out=np.zeros(steps), where=volume > 0
    )  # what the estimate of a factor adds
    variance = np.zeros(periods)
    shared = np.append(np.cumsum(relative[::-1])[::-1], 0.0)
    for i in range(periods):
        projected = value[i]
        for j in range(newest[i], steps):
            if projected > 0:
                process = sigma2[j] / (factors[j] ** 2 * projected)
                variance[i] += ultimates[i] ** 2 * (process + relative[j])
            projected *= factors[j]
    total = variance.sum()
    for i in range(periods):
        # a younger period shares every factor that this one still needs
        younger = ultimates[newest < newest[i]].sum()
        total += 2 * ultimates[i] * younger * shared[newest[i]]
    return Mack(
        factors=factors,
        ultimates=ultimates,
        errors=np.sqrt(variance),
        reserve=float((ultimates - value).sum()),
        error=float(np.sqrt(total)),
    )
