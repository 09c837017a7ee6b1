"""Hourly drops of tracked page events: gzip JSON lines in an object-store folder.

`<folder>/dt=YYYY-MM-DD/hour=HH/<site>-<seq>.jsonl.gz`, where dt and hour are those of delivery
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
from sandbox.drop_faults import EMPTY, IN_LINES, instead, joined, set_reachable, spoiled
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
from sandbox.world.deliveries import CUT, Deliveries
from sandbox.world.pages import PAGES, SITE_ACCOUNTS, SITES

_CHANNEL_NAMES = np.array(CHANNEL_IDS)
# account -> folder below the state's
FOLDERS = {"h5_main": "drops", "mini_main": "drops_mini"}
_URLS = ("https://h5.example.com/", "https://h5.example.com/", "miniprogram://sandbox/pages/")


class Drops:
    """Writes the drops that are due, and takes back those of the future."""

    def __init__(self, state: State) -> None:
        """Deliver into `<state>/drops` and `<state>/drops_mini`."""
        self.state = state
        self.folders = {account: state.folder / name for account, name in FOLDERS.items()}
        self.folder = self.folders["h5_main"]
        self._faults: list | None = None
        self._roots = dict(self.folders)

    def visible_ms(self) -> np.ndarray:
        """When each line of each drop is (or was) delivered, faults included."""
        held = {a: self.state.faults_of("page_events", a, "page_event") for a in FOLDERS}
        flat = [fault for faults_ in held.values() for fault in faults_]
        if self._faults != flat:  # the clock's moves change nothing here
            events = self.state.world.page_events
            lines = events.lines
            day, channel = day_number(events.reported_ms), _CHANNEL_NAMES[events.channel]
            account = np.array(SITE_ACCOUNTS)[events.site[lines.row]]
            visible, extra = lines.visible_ms.copy(), []
            for name, faults_ in held.items():
                mine = np.flatnonzero(account == name) if faults_ else []
                if len(mine):
                    rows = lines.row[mine]
                    visible[mine] = faults.effective(
                        faults_, lines.visible_ms[mine], day[rows], channel[rows]
                    )
                    own = Deliveries(
                        rows, lines.kind[mine], lines.closed_ms[mine], lines.visible_ms[mine]
                    )
                    extra.append(instead(own, events.site[rows], channel[rows], faults_))
            # a drop lies where it was closed, also when it is late; what a fault held is new
            is_held = visible != lines.visible_ms
            # never under the name of an ordinary drop
            new_ms = visible - np.where(visible % HOUR_MS == 0, 0, SECOND_MS)
            closed = np.where(is_held, new_ms, lines.closed_ms)
            self._lines = joined([Deliveries(lines.row, lines.kind, closed, visible), *extra])
            self._visible, self._closed = self._lines.visible_ms, self._lines.closed_ms
            self._order = np.argsort(self._visible, kind="stable")
            self._sorted = self._visible[self._order]
            self._faults = [replace(fault) for fault in flat]
        return self._visible

    def deliver(self) -> int:
        """Write every drop that is due and not written yet; returns how many."""
        self.visible_ms()
        self._set_reachable()
        first = np.searchsorted(self._sorted, self.state.drops_until_ms, side="right")
        last = np.searchsorted(self._sorted, self.state.now_ms, side="right")
        lines = self._order[first:last]
        count = 0
        for part in self._files(lines):
            write_atomically(self._path_of(part), self.content(part))
            count += 1
        for folder in self._roots.values():
            folder.mkdir(parents=True, exist_ok=True)
        self.state.drops_until_ms = self.state.now_ms
        return count

    def _set_reachable(self) -> None:
        """A dead account's folder is not there while the fault lasts."""
        for account, folder in self.folders.items():
            found = self.state.faults_of("page_events", account, "page_event")
            is_dead = any(f.kind == "dead" and f.is_on(self.state.now_ms) for f in found)
            self._roots[account] = set_reachable(folder, is_reachable=not is_dead)

    def _files(self, lines: np.ndarray) -> list[np.ndarray]:
        """Lines by the drop they are in, and inside by time, a cut one last."""
        if not len(lines):
            return []
        events = self.state.world.page_events
        row, kind = self._lines.row[lines], self._lines.kind[lines]
        closed, site = self._closed[lines], events.site[row]
        order = np.lexsort((kind, row, kind == CUT, site, closed))
        lines, closed, site = lines[order], closed[order], site[order]
        change = np.flatnonzero((np.diff(closed) != 0) | (np.diff(site) != 0))
        return np.split(lines, change + 1)

    def _path_of(self, lines: np.ndarray) -> Path:
        events = self.state.world.page_events
        site = int(events.site[self._lines.row[lines[0]]])
        return self.path(int(self._closed[lines[0]]), site)

    def path(self, moment_ms: int, site: int) -> Path:
        """Where the drop of a site closed at a moment lies."""
        second = (moment_ms + OFFSET_MS) % HOUR_MS // SECOND_MS
        hour = (moment_ms + OFFSET_MS) % DAY_MS // HOUR_MS
        return (
            self._roots[SITE_ACCOUNTS[site]]
            / f"dt={date_of(moment_ms)}"
            / f"hour={hour:02d}"
            / f"{SITES[site]}-{second:04d}.jsonl.gz"
        )

    def content(self, lines: np.ndarray) -> bytes:
        """The compressed lines of one drop; a cut one ends the file in its middle."""
        kind = self._lines.kind[lines]
        full = lines[kind != EMPTY]
        texts = self._texts(full)
        if len(full) and self._lines.kind[full[-1]] == CUT:
            texts[-1] = texts[-1][: len(texts[-1]) * 3 // 5]
        return gzip.compress(b"".join(texts), compresslevel=1, mtime=0)

    def _texts(self, lines: np.ndarray) -> list[bytes]:
        """Lines as JSON, spoiled where a fault says so."""
        e, rows = self.state.world.page_events, self._lines.row[lines]
        found = self.lines(rows)
        wrong = [f for f in self._faults or () if f.kind in IN_LINES]
        if wrong and len(rows):
            account = SITE_ACCOUNTS[int(e.site[rows[0]])]
            wrong = [f for f in wrong if f.account in ("", account)]
            days = day_number(e.reported_ms[rows]).tolist()
            moments = zip(
                self._visible[lines].tolist(), days, e.reported_ms[rows].tolist(), strict=True
            )
            found = [
                spoilt
                for line, (visible, day, reported) in zip(found, moments, strict=True)
                for spoilt in spoiled(line, wrong, visible, day, reported)
            ]
        return [orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in found]

    def lines(self, rows: np.ndarray) -> list[dict]:
        """Events as the pages report them."""
        world = self.state.world
        e = world.page_events
        unionid = np.where(
            e.is_identified[rows], world.persons.unionid[np.maximum(e.person[rows], 0)], ""
        )
        moments = np.char.add(
            (e.reported_ms[rows] + OFFSET_MS).astype("datetime64[ms]").astype("U23"), "+08:00"
        )
        columns = zip(
            e.event_id[rows].tolist(),
            e.event_type[rows].tolist(),
            moments.tolist(),
            e.visitor_id[rows].tolist(),
            unionid.tolist(),
            e.page[rows].tolist(),
            e.site[rows].tolist(),
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
                "page_url": f"{_URLS[site]}{PAGES[page]}",
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
                site,
                channel,
                campaign,
                content,
                device,
                dwell,
            ) in columns
        ]

    def take_back(self) -> int:
        """Remove every drop that lies after the clock; returns how many."""
        count, now_ms = 0, self.state.now_ms
        self._set_reachable()
        for folder in self._roots.values():
            for path in sorted(folder.glob("dt=*/hour=*/*.jsonl.gz")):
                if _closed_ms(path) > now_ms:
                    path.unlink()
                    count += 1
        # late files lie among those of an earlier hour
        self.visible_ms()
        late = np.flatnonzero((self._visible > now_ms) & (self._closed <= now_ms))
        for part in self._files(late):
            path = self._path_of(part)
            count += path.exists()
            path.unlink(missing_ok=True)
        for folder in self._roots.values():
            for hour in sorted(folder.glob("dt=*/hour=*"), reverse=True):
                if not any(hour.iterdir()):
                    shutil.rmtree(hour)
        self.state.drops_until_ms = min(self.state.drops_until_ms, now_ms)
        return count


def _closed_ms(path: Path) -> int:
    """When a drop was closed, after its place and name."""
    day = path.parent.parent.name.removeprefix("dt=")
    hour = int(path.parent.name.removeprefix("hour="))
    second = int(path.name.removesuffix(".jsonl.gz").rsplit("-", 1)[1])
    midnight = int(np.datetime64(day, "ms").astype(np.int64)) - OFFSET_MS
    return midnight + hour * HOUR_MS + second * SECOND_MS
