"""Hourly drops of tracked page events: gzip JSON lines in an object-store folder.

`<drops>/dt=YYYY-MM-DD/hour=HH/<site>-<seq>.jsonl.gz`, where dt and hour are those of delivery
and seq is the second of the hour at which the drop was closed (3599; 0000 for what a freeze
released at noon). Bytes are the same on every machine.
"""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from sandbox import faults
from sandbox.parameters import CAMPAIGNS, CHANNEL_IDS, CHANNELS, DEVICES, EVENT_TYPES
from sandbox.state import State, write_atomically
from sandbox.timeline import (
    DAY_MS,
    HOUR_MS,
    OFFSET_MS,
    SECOND_MS,
    date_of,
    day_number,
)
from sandbox.world.pages import PAGES, SITES

_CHANNEL_NAMES = np.array(CHANNEL_IDS)


class Drops:
    """Writes the drops that are due, and takes back those of the future."""

    def __init__(self, state: State) -> None:
        """Deliver into `<state>/drops`."""
        self.state = state
        self.folder = state.folder / "drops"
        self._faults: list | None = None

    def visible_ms(self) -> np.ndarray:
        """When each page event is (or was) delivered, faults included."""
        held = self.state.faults_of("page_events", "h5_main", "page_event")
        if self._faults != held:  # the clock's moves change nothing here
            events = self.state.world.page_events
            self._visible = faults.effective(
                held, events.visible_ms, day_number(events.event_ms), _CHANNEL_NAMES[events.channel]
            )
            self._order = np.argsort(self._visible, kind="stable")
            self._sorted = self._visible[self._order]
            self._faults = [replace(fault) for fault in held]
        return self._visible

    def deliver(self) -> int:
        """Write every drop that is due and not written yet; returns how many."""
        visible = self.visible_ms()
        first = np.searchsorted(self._sorted, self.state.drops_until_ms, side="right")
        last = np.searchsorted(self._sorted, self.state.now_ms, side="right")
        rows = self._order[first:last]
        count = 0
        if len(rows):
            site = self.state.world.page_events.site
            # by drop, and inside by time: rows are numbered by event time already
            rows = rows[np.lexsort((rows, site[rows], visible[rows]))]
            change = np.flatnonzero((np.diff(visible[rows]) != 0) | (np.diff(site[rows]) != 0))
            for part in np.split(rows, change + 1):
                path = self.path(int(visible[part[0]]), int(site[part[0]]))
                write_atomically(path, self.content(part))
                count += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state.drops_until_ms = self.state.now_ms
        return count

    def path(self, moment_ms: int, site: int) -> Path:
        """Where the drop of a site closed at a moment lies."""
        second = (moment_ms + OFFSET_MS) % HOUR_MS // SECOND_MS
        return self._hour(moment_ms) / f"{SITES[site]}-{second:04d}.jsonl.gz"

    def _hour(self, moment_ms: int) -> Path:
        hour = (moment_ms + OFFSET_MS) % DAY_MS // HOUR_MS
        return self.folder / f"dt={date_of(moment_ms)}" / f"hour={hour:02d}"

    def content(self, rows: np.ndarray) -> bytes:
        """The compressed lines of some events."""
        lines = b"".join(
            orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in self.lines(rows)
        )
        return gzip.compress(lines, compresslevel=1, mtime=0)

    def lines(self, rows: np.ndarray) -> list[dict]:
        """Events as the pages report them."""
        world = self.state.world
        e = world.page_events
        unionid = np.where(
            e.is_identified[rows], world.persons.unionid[np.maximum(e.person[rows], 0)], ""
        )
        moments = np.char.add(
            (e.event_ms[rows] + OFFSET_MS).astype("datetime64[ms]").astype("U23"), "+08:00"
        )
        columns = zip(
            e.event_id[rows].tolist(),
            e.event_type[rows].tolist(),
            moments.tolist(),
            e.visitor_id[rows].tolist(),
            unionid.tolist(),
            e.page[rows].tolist(),
            e.channel[rows].tolist(),
            e.campaign[rows].tolist(),
            e.content[rows].tolist(),
            e.device[rows].tolist(),
            e.dwell_seconds[rows].tolist(),
            strict=True,
        )
        return [
            {
                "event_id": event_id,
                "event_type": EVENT_TYPES[kind],
                "event_time": moment,
                "visitor_id": visitor,
                "unionid": who or None,
                "page_id": PAGES[page],
                "page_url": f"https://h5.example.com/{PAGES[page]}",
                "utm_source": CHANNELS[channel].channel_id,
                "utm_medium": CHANNELS[channel].utm_medium,
                "utm_campaign": CAMPAIGNS[campaign],
                "utm_content": CHANNELS[channel].contents[content],
                "device": DEVICES[device],
                "dwell_seconds": dwell if dwell == dwell else None,
            }
            for (
                event_id,
                kind,
                moment,
                visitor,
                who,
                page,
                channel,
                campaign,
                content,
                device,
                dwell,
            ) in columns
        ]

    def take_back(self) -> int:
        """Remove every drop that lies after the clock; returns how many."""
        count = 0
        for path in sorted(self.folder.glob("dt=*/hour=*/*.jsonl.gz")):
            day = path.parent.parent.name.removeprefix("dt=")
            hour = int(path.parent.name.removeprefix("hour="))
            second = int(path.name.removesuffix(".jsonl.gz").rsplit("-", 1)[1])
            closed = (
                int(np.datetime64(day, "ms").astype(np.int64))
                - OFFSET_MS
                + hour * HOUR_MS
                + second * SECOND_MS
            )
            if closed > self.state.now_ms:
                path.unlink()
                count += 1
        for folder in sorted(self.folder.glob("dt=*/hour=*"), reverse=True):
            if not any(folder.iterdir()):
                shutil.rmtree(folder)
        self.state.drops_until_ms = min(self.state.drops_until_ms, self.state.now_ms)
        return count
