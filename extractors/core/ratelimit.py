"""Permits per app and endpoint, shared by every thread and process of this machine.

One small file per (app, endpoint) under an exclusive lock holds, per rate, how many calls were made
in each 200th of the period, until when the vendor blocks us, and what share of the declared limits
it has shown to allow. Taking a permit costs about 50 microseconds; pyrate-limiter's SQLite bucket
keeps a row per call and costs 100 times that.

A vendor that refuses below the declared limit has lowered it, or somebody else uses the same app:
then we go on with nine tenths of what we had reached, and come back in steps.
"""

import fcntl
import hashlib
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

SLOTS = 200
# periods are taken so much longer: two clocks never run alike
STRETCH = 1.01
# after a refusal: this share of what was reached, never less than a quarter of what was allowed
REACHED_SHARE = 0.9
MOST_AT_ONCE = 0.25
LEAST_SHARE = 0.01
# without another refusal a tenth of the declared limit comes back after so many periods
RECOVERY_PERIODS = 10
RECOVERY_SECONDS = 60.0
RECOVERY_STEP = 0.1


# blocked until, share of the limits that is allowed (0: all), and since when
_HEAD = struct.Struct("<ddd")


class Rate(NamedTuple):
    """At most `limit` calls in any `period` seconds."""

    limit: int
    period: float


class RateLimiter:
    """Hands out permits; waits where there are none left."""

    def __init__(
        self, folder: Path, wall: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        """Keep state below `folder`; time and waiting come from outside."""
        self.folder, self.wall, self.sleep = folder, wall, sleep
        self._buckets: dict[tuple, _Bucket] = {}
        self._lock = threading.Lock()

    def acquire(self, app: str, endpoint: str, rates: tuple[Rate, ...]) -> float:
        """Take one permit, waiting until there is one and no block holds; returns when."""
        bucket = self._bucket(app, endpoint, rates)
        while True:
            wait, now = bucket.take(self.wall)
            if wait <= 0:
                return now
            self.sleep(wait)

    def answered(self, app: str, endpoint: str, rates: tuple[Rate, ...], taken_at: float) -> None:
        """Count the call from now on: the vendor saw it between its permit and its answer.

        So however long calls are on their way, no period of the vendor's holds too many.
        """
        self._bucket(app, endpoint, rates).move(taken_at, self.wall)

    def block(self, app: str, endpoint: str, rates: tuple[Rate, ...], seconds: float) -> None:
        """Hold back every caller of this endpoint, in all processes: the vendor said so."""
        self._bucket(app, endpoint, rates).block(self.wall, seconds)

    def _bucket(self, app: str, endpoint: str, rates: tuple[Rate, ...]) -> "_Bucket":
        key = (app, endpoint)
        with self._lock:
            if key not in self._buckets:
                name = hashlib.sha256(f"{app}|{endpoint}".encode()).hexdigest()[:20]
                self.folder.mkdir(parents=True, exist_ok=True)
                self._buckets[key] = _Bucket(self.folder / f"{name}.bucket", rates)
            return self._buckets[key]

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for bucket in self._buckets.values():
                bucket.close()
            self._buckets.clear()


class _Bucket:
    # A window of one period touches at most SLOTS + 1 slots, so keeping the sum of that many below
    # the limit keeps every window below it, wherever it starts.
    RING = SLOTS + 1

    def __init__(self, path: Path, rates: tuple[Rate, ...]) -> None:
        self.rates = [(rate.limit, rate.period * STRETCH / SLOTS) for rate in rates]
        self.recovery = max(RECOVERY_SECONDS, RECOVERY_PERIODS * min(r.period for r in rates))
        self.size = _HEAD.size + len(rates) * self.RING * 16
        self.thread_lock = threading.Lock()
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self.file)

    # the time is asked for under the lock: an older one would not see what others counted meanwhile

    def take(self, wall: Callable[[], float]) -> tuple[float, float]:
        """0 when a permit was taken, else the seconds to wait; and the moment."""
        with self._held() as (head, cells):
            now = wall()
            if head[0] > now:
                return head[0] - now, now
            share = self._share(head, now)
            for number, (limit, length) in enumerate(self.rates):
                allowed = max(1, int(limit * share))
                if wait := self._wait(cells[number], allowed, length, now):
                    return wait, now
            for number, (_, length) in enumerate(self.rates):
                self._count(cells[number], int(now / length), 1)
            self._write(head, cells)
            return 0, now

    def move(self, taken_at: float, wall: Callable[[], float]) -> None:
        """Count a call in the present slot instead of that of its permit."""
        lengths, now = [length for _, length in self.rates], wall()
        if all(int(taken_at / length) >= int(now / length) for length in lengths):
            return
        with self._held() as (head, cells):
            now = wall()
            for number, length in enumerate(lengths):
                before, slot = int(taken_at / length), int(now / length)
                if before >= slot:
                    continue
                at = before % self.RING
                if cells[number, at, 0] == before and cells[number, at, 1]:
                    cells[number, at, 1] -= 1
                self._count(cells[number], slot, 1)
            self._write(head, cells)

    def _count(self, ring: np.ndarray, slot: int, calls: int) -> None:
        at = slot % self.RING
        if ring[at, 0] != slot:
            ring[at] = slot, 0
        ring[at, 1] += calls

    def block(self, wall: Callable[[], float], seconds: float) -> None:
        """The vendor refused: hold, and allow less from then on.

        Several callers are refused at once: only the first of them lowers the share.
        """
        with self._held() as (head, cells):
            now = wall()
            if head[0] <= now:
                share = self._share(head, now)
                limit, length = self.rates[0]
                reached = int(self._live(cells[0], length, now)[:, 1].sum()) / limit
                wanted = min(share, reached) * REACHED_SHARE
                head[1] = max(wanted, share * MOST_AT_ONCE, LEAST_SHARE)
                head[2] = now + seconds
            head[0] = max(head[0], now + seconds)
            self._write(head, cells)

    def _share(self, head: list[float], now: float) -> float:
        if head[1] == 0:
            return 1.0
        steps = max(0, int((now - head[2]) / self.recovery))
        return min(1.0, head[1] + steps * RECOVERY_STEP)

    @contextmanager
    def _held(self) -> Iterator[tuple[list[float], np.ndarray]]:
        with self.thread_lock:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                yield self._read()
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def _read(self) -> tuple[list[float], np.ndarray]:
        """The head, and per rate and slot: its number, and the calls in it."""
        shape = (len(self.rates), self.RING, 2)
        content = bytearray(os.pread(self.file, self.size + 1, 0))
        if len(content) != self.size:  # new, or made for other rates
            return [0.0, 0.0, 0.0], np.zeros(shape, np.int64)
        head = list(_HEAD.unpack_from(content))
        return head, np.frombuffer(content, np.int64, offset=_HEAD.size).reshape(shape)

    def _write(self, head: list[float], cells: np.ndarray) -> None:
        os.pwrite(self.file, _HEAD.pack(*head) + cells.tobytes(), 0)

    def _wait(self, ring: np.ndarray, limit: int, length: float, now: float) -> float:
        live = self._live(ring, length, now)
        if int(live[:, 1].sum()) < limit:
            return 0
        return (int(live[:, 0].min()) + self.RING) * length - now + length / 100

    def _live(self, ring: np.ndarray, length: float, now: float) -> np.ndarray:
        """Slots of the last period that hold calls."""
        present, slots = int(now / length), ring[:, 0]
        # a slot from the future (the clock was set back) must not block for ever: it is ignored
        return ring[(ring[:, 1] > 0) & (slots >= present - SLOTS) & (slots <= present)]
