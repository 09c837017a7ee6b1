"""A/B tests on mass messages: a title that wins, one without effect, one with a broken split."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import TITLE_CLICK_LIFT
from sandbox.timeline import HOUR_MS, NEVER_MS
from sandbox.world.messages import EXPERIMENTS, SENT, Messages
from sandbox.world.randomness import stream


@dataclass
class Exposures:
    """One row per test and person whom one of its messages reached."""

    experiment: np.ndarray
    variant: np.ndarray  # 0 is the old one
    person: np.ndarray
    message: np.ndarray
    exposed_ms: np.ndarray
    clicked_ms: np.ndarray  # NEVER_MS without a click within 72 hours


def exposures(seed: int, sent: Messages) -> Exposures:
    """Everybody who got a variant, and whether they clicked; click rates are met exactly."""
    rng = stream(seed, "experiments")
    rows = np.flatnonzero((sent.experiment[sent.message] >= 0) & (sent.status == SENT))
    message = sent.message[rows]
    experiment, variant = sent.experiment[message], sent.variant[message]
    exposed = sent.sent_ms[rows]
    clicked = np.full(len(rows), NEVER_MS)
    for number, (name, _, old, new) in enumerate(EXPERIMENTS):
        rates = (old, new * TITLE_CLICK_LIFT if name == "title_test" else new)
        for arm, rate in enumerate(rates):
            mine = np.flatnonzero((experiment == number) & (variant == arm))
            chosen = rng.permutation(mine)[: round(rate * len(mine))]
            wait = np.minimum(rng.exponential(6, len(chosen)), 71) * HOUR_MS
            clicked[chosen] = exposed[chosen] + wait.astype(np.int64)
    return Exposures(experiment, variant, sent.person[rows], message, exposed, clicked)
