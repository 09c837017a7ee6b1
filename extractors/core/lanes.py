"""How many calls of one endpoint may be under way at once: found out, because nobody publishes it.

A vendor that says "too many at once" gets half as many from then on; after a while without such an
answer, one more is tried. Counted per process: several processes find their shares each.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST = 32
# answers without a refusal, per lane, before one more is tried
PATIENCE = 20
# how long calls may take before another lane is opened
OPEN_SECONDS = 0.02
# of the time since the last lane was opened
BUSY_SHARE = 0.8


class Lanes:
    """The lanes of one app and endpoint in this process."""

    def __init__(self) -> None:
        """All lanes are open until a vendor objects."""
        self.limit = MOST
        self._active = 0
        self._good = 0
        self._free = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a lane, waiting for a free one."""
        with self._free:
            self._free.wait_for(lambda: self._active < self.limit)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify()

    def crowded(self) -> None:
        """The vendor refused: half as many as were under way, this call among them."""
        with self._free:
            self.limit = max(1, min(self.limit, self._active + 1) // 2)
            self._good = 0

    def went_well(self) -> None:
        """An answer without such a refusal."""
        if self.limit >= MOST:
            return
        with self._free:
            self._good += 1
            if self._good >= PATIENCE * self.limit:
                self.limit, self._good = self.limit + 1, 0
                self._free.notify()


_LANES: dict[tuple[str, str], Lanes] = {}
_LOCK = threading.Lock()


def lanes_of(app: str, endpoint: str) -> Lanes:
    """The lanes of an app and endpoint, kept between pulls."""
    with _LOCK:
        return _LANES.setdefault((app, endpoint), Lanes())


def side_by_side(function: Callable, items: list, lanes: int) -> list:
    """Results of `function` for every item, up to `lanes` at a time; the first failure stops all.

    One lane is used at first, and one more is opened whenever fewer calls have come back within
    `OPEN_SECONDS` than there are lanes, and the process has had time to spare: threads that hardly
    wait only stand in each other's way.
    """
    if lanes <= 1 or len(items) <= 1:
        return [function(item) for item in items]
    work = _Work(function, items)
    opener = threading.Thread(target=work.open_lanes, args=(lanes,), name="lanes", daemon=True)
    opener.start()
    try:
        work.drive()
    finally:
        work.stop()
        opener.join()
    if work.failures:
        raise work.failures[min(work.failures)]
    return work.results


class _Work:
    """Items that several threads take one by one."""

    def __init__(self, function: Callable, items: list) -> None:
        self.results: list = [None] * len(items)
        self.failures: dict[int, BaseException] = {}
        self._function, self._items = function, items
        self._next, self._lock, self._over = iter(range(len(items))), threading.Lock(), False
        self._finished, self._driven = 0, threading.Event()

    def drive(self) -> None:
        """Take items until there are none."""
        while (number := self._take()) is not None:
            try:
                self.results[number] = self._function(self._items[number])
            except BaseException as error:  # raised by `side_by_side`
                self.failures[number] = error
            with self._lock:
                self._finished += 1

    def open_lanes(self, lanes: int) -> None:
        """Start more threads while calls are slow, until the first one finds nothing left."""
        opened: list[threading.Thread] = []
        seen, began, used = 0, time.monotonic(), time.process_time()
        while len(opened) < lanes - 1 and not self._driven.wait(OPEN_SECONDS):
            # one process computes on one processor, however many threads it has
            busy = (time.process_time() - used) / (time.monotonic() - began)
            if self._finished - seen <= len(opened) and busy < BUSY_SHARE and not self.failures:
                opened.append(threading.Thread(target=self.drive, name="pull", daemon=True))
                opened[-1].start()
                began, used = time.monotonic(), time.process_time()
            seen = self._finished
        for thread in opened:
            thread.join()

    def stop(self) -> None:
        """Let nobody take another item."""
        with self._lock:
            self._over = True
        self._driven.set()

    def _take(self) -> int | None:
        with self._lock:
            return None if self._over or self.failures else next(self._next, None)
