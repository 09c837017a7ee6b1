"""Faults in drops of page events: repeated and empty files, wrong lines, a folder that is gone."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.faults.model import Fault
from sandbox.faults.rows import drifted
from sandbox.timeline import HOUR_MS, OFFSET_MS, SECOND_MS
from sandbox.world.deliveries import COPY, WHOLE, Deliveries

EMPTY = 3  # a file without lines
IN_LINES = ("duplicate", "timezone", "drift")
_FIELD = "dwell_seconds"


def instead(
    lines: Deliveries, site: np.ndarray, channel: np.ndarray, faults: list[Fault]
) -> Deliveries:
    """What an account's hourly files hold while its own lines are held back.

    `resend` repeats the last file before it, hour after hour; `empty` leaves files without lines.

    Args:
        lines: the account's ordinary lines.
        site: of each line.
        channel: channel id of each line.
        faults: of the account; only these two kinds count.
    """
    rows, kinds, moments = [], [], []
    for fault in faults:
        if fault.kind not in ("resend", "empty"):
            continue
        begin = max(fault.from_ms, fault.added_ms)
        hours = np.arange(begin // HOUR_MS, -(-fault.released_ms // HOUR_MS)) * HOUR_MS
        closes = hours + HOUR_MS - SECOND_MS
        closes = closes[closes < fault.released_ms]
        fits = (lines.kind == WHOLE) & (lines.visible_ms < begin)
        if fault.channel:
            fits &= channel == fault.channel
        for one in np.unique(site[fits]).tolist():
            of_site = np.flatnonzero(fits & (site == one))
            last = of_site[lines.closed_ms[of_site] == lines.closed_ms[of_site].max()]
            if fault.kind == "empty":
                last = last[:1]
            rows.append(np.tile(lines.row[last], len(closes)))
            moments.append(np.repeat(closes, len(last)))
            kinds.append(np.full(len(rows[-1]), COPY if fault.kind == "resend" else EMPTY))
    if not rows:
        nothing = np.empty(0, dtype=np.int64)
        return Deliveries(nothing, nothing.astype(np.int8), nothing, nothing)
    moment = np.concatenate(moments)
    return Deliveries(np.concatenate(rows), np.concatenate(kinds).astype(np.int8), moment, moment)


def joined(parts: list[Deliveries]) -> Deliveries:
    """Several sets of lines as one."""
    return Deliveries(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Deliveries.__annotations__)
    )


def spoiled(
    line: dict[str, Any], faults: list[Fault], visible_ms: int, day: int, reported_ms: int
) -> list[dict[str, Any]]:
    """A line under the faults of its account: once or twice, its time or a field wrong."""
    found = [line]
    for fault in faults:
        wrong_channel = fault.channel and fault.channel != line["utm_source"]
        if wrong_channel or not fault.holds(visible_ms, day):
            continue
        if fault.kind == "duplicate":
            found = found * 2
        elif fault.kind == "drift":
            name = fault.params.get("field", _FIELD)
            found = [drifted(x, fault.params["change"], name) for x in found]
        elif fault.kind == "timezone" and day >= fault.first_number:
            moment = np.datetime64(reported_ms + OFFSET_MS - 8 * HOUR_MS, "ms")
            found = [x | {"event_time": f"{moment}+08:00"} for x in found]
    return found


def set_reachable(folder: Path, *, is_reachable: bool) -> Path:
    """Move an account's folder out of the way, or back; returns where it is now."""
    hidden = folder.with_name(folder.name + ".unreachable")
    source, target = (hidden, folder) if is_reachable else (folder, hidden)
    if source.exists():
        with contextlib.suppress(OSError):
            target.rmdir()  # an empty one that was made meanwhile
        source.rename(target)
    return target
