"""What posts share: their purposes, their titles, and material that is used again."""

import numpy as np

from sandbox.parameters import CONTENT_MIX, REPEATED_MATERIAL_SHARE

PURPOSES = tuple(CONTENT_MIX)


def purposes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Index into PURPOSES for each post, after the planted mix."""
    return rng.choice(len(PURPOSES), count, p=list(CONTENT_MIX.values()))


def titles(
    rng: np.random.Generator, purpose: np.ndarray, subjects: dict[str, tuple[str, ...]]
) -> tuple[list[str], np.ndarray]:
    """A title for each post, in the order of posting, and whether it was used before.

    Every title begins with a subject, which tells the purpose; fresh ones carry a running number.
    """
    wants_again = rng.random(len(purpose)) < REPEATED_MATERIAL_SHARE
    pick = rng.random(len(purpose))
    used: list[list[str]] = [[] for _ in PURPOSES]
    found, again = [], np.zeros(len(purpose), dtype=bool)
    for number, (which, repeats, chance) in enumerate(
        zip(purpose.tolist(), wants_again.tolist(), pick.tolist(), strict=True)
    ):
        earlier = used[which]
        again[number] = repeats and bool(earlier)
        if again[number]:
            found.append(earlier[int(chance * len(earlier))])
            continue
        choice = subjects[PURPOSES[which]]
        issue = len(earlier) // len(choice) + 1
        title = f"{choice[len(earlier) % len(choice)]}（{issue}）"
        earlier.append(title)
        found.append(title)
    return found, again
