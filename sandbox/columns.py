"""How the truth's columns are written: UTC timestamps, Shanghai dates, texts, nulls."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sandbox.timeline import NEVER_MS


def at(moment_ms: np.ndarray) -> pa.Array:
    """UTC timestamps; what never happens is null."""
    return pa.array(moment_ms, type=pa.int64(), mask=moment_ms >= NEVER_MS).cast(
        pa.timestamp("ms", "UTC")
    )


def date(number: np.ndarray) -> pa.Array:
    """Dates of day numbers."""
    return pa.array(number.astype(np.int32)).cast(pa.date32())


def names(values: Sequence[str], index: np.ndarray) -> pa.Array:
    """Texts by index; -1 is null."""
    positions = pa.array(index.astype(np.int64), mask=index < 0)
    return pa.array(list(values), pa.string()).take(positions)


def texts(values: np.ndarray) -> pa.Array:
    """Texts; empty is null."""
    return pa.array(values.tolist(), pa.string(), mask=values == "")
