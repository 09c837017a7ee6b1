"""Random numbers of the world: one independent stream per part, all from one seed."""

import zlib

import numpy as np

from sandbox.timeline import HOUR_MS

# page traffic by hour of the day: lunch and evening peaks
_HOURS = np.array(
    [
        1,
        0.5,
        0.3,
        0.2,
        0.2,
        0.4,
        1.2,
        2.2,
        3.2,
        4,
        4.4,
        5,
        6.4,
        5.2,
        4.2,
        4.2,
        4.4,
        5,
        6.2,
        7,
        8,
        7.8,
        5.6,
        2.8,
    ]
)
HOUR_CUM = np.cumsum(_HOURS) / _HOURS.sum()


def stream(seed: int, part: str) -> np.random.Generator:
    """The generator of one part of the world; parts do not disturb each other."""
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def clock_times_ms(rng: np.random.Generator, count: int) -> np.ndarray:
    """Milliseconds after midnight, spread like a day's traffic.

    The last second of every hour stays free: an hourly drop closes then.
    """
    hours = np.searchsorted(HOUR_CUM, rng.random(count))
    return hours * HOUR_MS + (rng.random(count) * 3_598_000).astype(np.int64)


def hex_ids(rng: np.random.Generator, count: int, length: int, prefix: str = "") -> np.ndarray:
    """`count` distinct-looking ids of hexadecimal digits as a numpy string array."""
    words = -(-length // 16)
    text = rng.integers(0, 2**64, (count, words), dtype=np.uint64).tobytes().hex()
    whole = np.frombuffer(text.encode(), dtype=f"S{words * 16}")
    ids = whole.astype(f"S{length}").astype(f"U{length}")
    return np.strings.add(prefix, ids) if prefix else ids
