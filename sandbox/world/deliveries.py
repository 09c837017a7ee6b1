"""How page events reach their folders: which drop a line is in, twice, cut, late or mis-timed.

Part of the ordinary world, at the rates of `sandbox/parameters.py`; all of it is in the truth.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    CUT_FILE_SHARE,
    DUPLICATE_LINE_SHARE,
    LATE_FILE_HOURS,
    LATE_FILE_SHARE,
    SKEWED_LINE_SHARE,
    SKEWS_MINUTES,
)
from sandbox.timeline import HOUR_MS, MINUTE_MS
from sandbox.world.randomness import stream

WHOLE, COPY, CUT = 0, 1, 2
FILES_OF_A_MOMENT = 8  # more than there are sites


@dataclass
class Deliveries:
    """One row per line in a drop; `row` is the event's.

    Attributes:
        row: index of the event.
        kind: WHOLE, COPY (the same line again) or CUT (the file ends inside it).
        closed_ms: when the drop was closed: its place in the folder.
        visible_ms: when the drop appears there; later than `closed_ms` for a late file.
    """

    row: np.ndarray
    kind: np.ndarray
    closed_ms: np.ndarray
    visible_ms: np.ndarray


def reported_times(seed: int, event_ms: np.ndarray) -> np.ndarray:
    """What the visitors' clocks said: a few are wrong by minutes or hours."""
    rng = stream(seed, "client_clocks")
    skewed = rng.random(len(event_ms)) < SKEWED_LINE_SHARE
    reported = event_ms.copy()
    reported[skewed] += rng.choice(SKEWS_MINUTES, int(skewed.sum())) * MINUTE_MS
    return reported


def deliveries(seed: int, site: np.ndarray, closed_ms: np.ndarray) -> tuple[Deliveries, np.ndarray]:
    """All lines of all drops, and when each event is first readable.

    Args:
        seed: the world's seed.
        site: of each event; one drop holds one site.
        closed_ms: when the drop that should carry the event closes.
    """
    rng = stream(seed, "deliveries")
    count = len(site)
    files, file = np.unique(_files_of(closed_ms, site), return_inverse=True)
    is_late = rng.random(len(files)) < LATE_FILE_SHARE
    delay_ms = np.where(is_late, rng.integers(*LATE_FILE_HOURS, len(files)), 0) * HOUR_MS
    is_cut = ~is_late & (rng.random(len(files)) < CUT_FILE_SHARE)
    last = np.zeros(len(files), dtype=np.int64)
    last[file] = np.arange(count)  # events are ordered by time, the last assignment stays
    cut = last[is_cut]
    # the sender notices and sends the line again an hour later
    whole_ms = closed_ms.copy()
    whole_ms[cut] += HOUR_MS
    copies = np.flatnonzero(rng.random(count) < DUPLICATE_LINE_SHARE)
    again_ms = np.where(rng.random(len(copies)) < 0.5, 0, HOUR_MS)
    rows = np.concatenate([np.arange(count), copies, cut])
    closed = np.concatenate([whole_ms, whole_ms[copies] + again_ms, closed_ms[cut]])
    # a file is late as a whole, with whatever was put into it
    own = _files_of(closed, site[rows])
    place = np.minimum(np.searchsorted(files, own), len(files) - 1)
    visible = closed + np.where(files[place] == own, delay_ms[place], 0)
    kind = np.repeat(np.array([WHOLE, COPY, CUT], dtype=np.int8), [count, len(copies), len(cut)])
    return Deliveries(rows, kind, closed, visible), visible[:count]


def _files_of(closed_ms: np.ndarray, site: np.ndarray) -> np.ndarray:
    """One number per drop: its hour and site."""
    return (closed_ms + 1_000) // HOUR_MS * FILES_OF_A_MOMENT + site
