"""Permits per app and endpoint, shared by every thread and process of this machine.

One small file per (app, endpoint) under an exclusive lock holds, per rate, how many calls were made
in each 60th of the period, and until when the vendor blocks us. Taking a permit costs about 30
microseconds; pyrate-limiter's SQLite bucket keeps a row per call and costs 100 times that.
"""

import fcntl
import hashlib
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SLOTS = 60
# share of a vendor's limit that we use: others may call with the same app
HEADROOM = 0.9


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

    def acquire(self, app: str, endpoint: str, rates: tuple[Rate, ...]) -> None:
        """Take one permit, waiting until there is one and no block holds."""
        bucket = self._bucket(app, endpoint, rates)
        while (wait := bucket.take(self.wall())) > 0:
            self.sleep(wait)

    def block(self, app: str, endpoint: str, rates: tuple[Rate, ...], seconds: float) -> None:
        """Hold back every caller of this endpoint, in all processes: the vendor said so."""
        self._bucket(app, endpoint, rates).block(self.wall() + seconds)

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
        self.rates = [(max(1, int(rate.limit * HEADROOM)), rate.period / SLOTS) for rate in rates]
        self.layout = struct.Struct(f"<d{len(rates) * self.RING * 2}q")
        self.thread_lock = threading.Lock()
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self.file)

    def take(self, now: float) -> float:
        """0 when a permit was taken, else the seconds to wait."""
        with self.thread_lock:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                blocked_until, cells = self._read()
                if blocked_until > now:
                    return blocked_until - now
                for number, (limit, length) in enumerate(self.rates):
                    if wait := self._wait(cells, number * self.RING * 2, limit, length, now):
                        return wait
                for number, (_, length) in enumerate(self.rates):
                    slot = int(now / length)
                    at = number * self.RING * 2 + slot % self.RING * 2
                    if cells[at] != slot:
                        cells[at], cells[at + 1] = slot, 0
                    cells[at + 1] += 1
                os.pwrite(self.file, self.layout.pack(blocked_until, *cells), 0)
                return 0
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def block(self, until: float) -> None:
        with self.thread_lock:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                blocked_until, cells = self._read()
                os.pwrite(self.file, self.layout.pack(max(until, blocked_until), *cells), 0)
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def _read(self) -> tuple[float, list[int]]:
        content = os.pread(self.file, self.layout.size + 1, 0)
        if len(content) != self.layout.size:  # new, or made for other rates
            return 0.0, [0] * (len(self.rates) * self.RING * 2)
        blocked_until, *cells = self.layout.unpack(content)
        return blocked_until, cells

    def _wait(self, cells: list[int], start: int, limit: int, length: float, now: float) -> float:
        present = int(now / length)
        slots = cells[start : start + self.RING * 2 : 2]
        counts = cells[start + 1 : start + self.RING * 2 : 2]
        # a slot from the future (the clock was set back) must not block for ever: it is ignored
        live = [
            (slot, count)
            for slot, count in zip(slots, counts, strict=True)
            if present - SLOTS <= slot <= present and count
        ]
        if sum(count for _, count in live) < limit:
            return 0
        return (min(slot for slot, _ in live) + self.RING) * length - now + length / 100
