"""Permits per app and endpoint, shared by every thread and process of this machine.

One small file per (app, endpoint) under an exclusive lock holds, per rate, how many calls were made
in each 200th of the period and in all of them, until when the vendor blocks us, and what share of
the declared limits it has shown to allow. Taking a permit costs about 10 microseconds;
pyrate-limiter's SQLite bucket keeps a row per call and costs 500 times that.

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
_WORD = 8


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
    # Words of a rate: the slot that its sum was made in and the sum, which spares most calls the
    # counting; then per slot of the ring its number and the calls in it.
    WIDTH = 2 + 2 * RING

    def __init__(self, path: Path, rates: tuple[Rate, ...]) -> None:
        first = _HEAD.size // _WORD
        self.rates = [
            (first + number * self.WIDTH, rate.limit, rate.period * STRETCH / SLOTS)
            for number, rate in enumerate(rates)
        ]
        self.recovery = max(RECOVERY_SECONDS, RECOVERY_PERIODS * min(r.period for r in rates))
        self.size = _HEAD.size + len(rates) * self.WIDTH * _WORD
        self.thread_lock = threading.Lock()
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def close(self) -> None:
        os.close(self.file)

    # the time is asked for under the lock: an older one would not see what others counted meanwhile

    def take(self, wall: Callable[[], float]) -> tuple[float, float]:
        """0 when a permit was taken, else the seconds to wait; and the moment."""
        with self._held() as (head, words):
            now = wall()
            if head[0] > now:
                return head[0] - now, now
            share = self._share(head, now)
            for at, limit, length in self.rates:
                if self._sum(words, at, int(now / length)) >= max(1, int(limit * share)):
                    return self._wait(words, at, length, now), now
            for at, _, length in self.rates:
                self._count(words, at, int(now / length))
            self._write(head, words)
            return 0, now

    def move(self, taken_at: float, wall: Callable[[], float]) -> None:
        """Count a call in the present slot instead of that of its permit."""
        now = wall()
        if all(int(taken_at / length) >= int(now / length) for _, _, length in self.rates):
            return
        with self._held() as (head, words):
            now = wall()
            for at, _, length in self.rates:
                before, slot = int(taken_at / length), int(now / length)
                if before >= slot:
                    continue
                self._sum(words, at, slot)
                cell = at + 2 + before % self.RING * 2
                if words[cell] == before and words[cell + 1]:
                    words[cell + 1] -= 1
                    words[at + 1] -= before >= slot - SLOTS
                self._count(words, at, slot)
            self._write(head, words)

    def block(self, wall: Callable[[], float], seconds: float) -> None:
        """The vendor refused: hold, and allow less from then on.

        Several callers are refused at once: only the first of them lowers the share.
        """
        with self._held() as (head, words):
            now = wall()
            if head[0] <= now:
                share = self._share(head, now)
                at, limit, length = self.rates[0]
                reached = self._sum(words, at, int(now / length)) / limit
                wanted = min(share, reached) * REACHED_SHARE
                head[1] = max(wanted, share * MOST_AT_ONCE, LEAST_SHARE)
                head[2] = now + seconds
            head[0] = max(head[0], now + seconds)
            self._write(head, words)

    def _share(self, head: list[float], now: float) -> float:
        if head[1] == 0:
            return 1.0
        steps = max(0, int((now - head[2]) / self.recovery))
        return min(1.0, head[1] + steps * RECOVERY_STEP)

    @contextmanager
    def _held(self) -> Iterator[tuple[list[float], memoryview]]:
        with self.thread_lock:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                yield self._read()
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def _read(self) -> tuple[list[float], memoryview]:
        """The head, and all words of the file."""
        content = bytearray(os.pread(self.file, self.size + 1, 0))
        if len(content) != self.size:  # new, or made for other rates
            content = bytearray(self.size)
        return list(_HEAD.unpack_from(content)), memoryview(content).cast("q")

    def _write(self, head: list[float], words: memoryview) -> None:
        _HEAD.pack_into(words.obj, 0, *head)
        os.pwrite(self.file, words, 0)

    def _sum(self, words: memoryview, at: int, present: int) -> int:
        """Calls in the period that ends with the present slot."""
        if words[at] != present:
            words[at], words[at + 1] = present, int(self._live(words, at, present)[:, 1].sum())
        return words[at + 1]

    def _count(self, words: memoryview, at: int, slot: int) -> None:
        """One more call in a slot, whose sum is up to date."""
        cell = at + 2 + slot % self.RING * 2
        if words[cell] != slot:
            words[cell], words[cell + 1] = slot, 0
        words[cell + 1] += 1
        words[at + 1] += 1

    def _wait(self, words: memoryview, at: int, length: float, now: float) -> float:
        oldest = int(self._live(words, at, int(now / length))[:, 0].min())
        return (oldest + self.RING) * length - now + length / 100

    def _live(self, words: memoryview, at: int, present: int) -> np.ndarray:
        """Slots of the last period that hold calls."""
        ring = np.asarray(words[at + 2 : at + self.WIDTH]).reshape(self.RING, 2)
        # a slot from the future (the clock was set back) must not block for ever: it is ignored
        slots = ring[:, 0]
        return ring[(ring[:, 1] > 0) & (slots >= present - SLOTS) & (slots <= present)]
