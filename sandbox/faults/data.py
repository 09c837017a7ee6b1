"""Faults of the data's arrival: when each fact of a stream really becomes visible.

`--from D --days N`: what would appear between D and D+N 12:00 is touched. Days before D still
complete in the morning of D (their night batches had run), so the morning cycles of business days
D..D+N-1 miss something and the cycle of D+N is whole again.
"""

import numpy as np

from sandbox.faults.model import Fault, chosen
from sandbox.faults.registry import STREAMS
from sandbox.timeline import DAY_MS

# lines of drops are held by these; what the drops hold instead is written by sandbox/drops.py
_HELD_LINES = ("freeze", "trickle", "partial", "resend", "empty")


def effective(
    faults: list[Fault],
    visible_ms: np.ndarray,
    event_day: np.ndarray,
    channel: np.ndarray | None = None,
) -> np.ndarray:
    """When each fact really becomes visible under the given faults.

    Args:
        faults: those of the stream, as `State.faults_of` gives them.
        visible_ms: when each fact would become visible without faults.
        event_day: day number (since 1970) of the business day each fact belongs to.
        channel: channel id of each fact, where the stream has channels.
    """
    if not faults:
        return visible_ms
    result = visible_ms.copy()
    for fault in sorted(faults, key=lambda f: (f.from_ms, f.id)):
        how = _how(fault)
        if how is None or (fault.channel and channel is None):
            continue
        held = fault.holds(result, event_day)
        if fault.channel:
            held = held & (channel == fault.channel)
        if how == "late":
            later = result[held] + _delay_ms(fault)
            if fault.cleared_ms is not None:
                later = np.minimum(later, np.maximum(result[held], fault.cleared_ms))
            result[held] = later
        else:
            if how == "part":
                held = held & ~chosen(visible_ms, fault.number("share", 0.5))
            result[held] = fault.released_ms
    return result


def _delay_ms(fault: Fault) -> int:
    return int(fault.params["days"]) * DAY_MS if fault.kind == "shift" else DAY_MS


def _how(fault: Fault) -> str | None:
    """`all` is held, `part` of it, or everything comes `late`; None: it changes answers only."""
    if fault.kind == "freeze":
        return "all"
    if fault.kind == "shift":
        return "late"
    # vendors also serve levels of a report that no stream reads
    stream = STREAMS[fault.source].get(fault.stream)
    kind = stream.kind if stream else "R"
    if fault.source == "page_events":
        if fault.kind in ("trickle", "partial"):
            return "part"
        return "all" if fault.kind in _HELD_LINES else None
    if fault.kind == "trickle" and kind != "R":
        return "part"
    if fault.kind == "partial" and kind == "V":
        return "part"
    if fault.kind == "resend" and kind != "R":  # yesterday's state of a list
        return "late"
    return None
